"""Approximate message passing (theory note, section 9)."""
