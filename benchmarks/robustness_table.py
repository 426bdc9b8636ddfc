"""The table that predict and verify cite, from a finished full suite.

Run: ./run shallows robustness --suite full --out atlas; ./run bench robustness_table atlas
Writes src/shallows/robustness/measured.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shallows.robustness.citing import FILE, table_of


def main() -> int:
    if len(sys.argv) != 2:
        print("give the folder of a finished full suite")
        return 2
    results = json.loads((Path(sys.argv[1]) / "results.json").read_text(encoding="utf-8"))
    if results["suite"] != "full":
        print(f"that is the {results['suite']} suite")
        return 2
    place = Path(__file__).parents[1] / "src" / "shallows" / "robustness" / FILE
    table = table_of(results)
    lines = ",\n".join(json.dumps(cell) for cell in table.pop("cells"))
    text = json.dumps(table, indent=1)[:-2] + ',\n "cells": [\n' + lines + "\n]}\n"
    place.write_text(text, encoding="utf-8")
    print(f"{place}: {len(json.loads(text)['cells'])} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
