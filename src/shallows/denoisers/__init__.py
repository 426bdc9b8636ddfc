"""Thresholding rules: one object each, serving AMP (`apply`) and state evolution (`moments`)."""
