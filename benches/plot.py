#!/usr/bin/env python3
"""Draws docs/performance.svg from the first table of a comparison.

    benches/plot.py compared.md 'thingcore' 'mosquitto 2.0.11' 'rumqttd 0.20' > docs/performance.svg

compared.md is what `thingcore-bench compare --markdown` wrote; the names are for the legend.
"""

import math
import sys

COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"]
LEFT, DECADE, LEAST, ROW, TOP = 150, 130.2, 0.03, 34, 56


def rows(text):
    """Case and costs of each row whose unit is CPU."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and " B" not in cells[2] and "/s" not in cells[2]:
            yield cells[0].strip("`"), cells[2:-4]


def across(value):
    return DECADE * math.log10(value / LEAST)


def main():
    path, *names = sys.argv[1:]
    with open(path) as file:
        cases = list(rows(file.read()))
    bottom = TOP - 6 + ROW * len(cases)
    frame = f'width="800" height="{bottom + 24}"'
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {bottom + 24}" '
        f'font-family="system-ui,sans-serif" font-size="12"><rect {frame} fill="#fff"/>'
    )
    title = "CPU of the broker, µs for each delivered message (or connection), log scale"
    print(f'<text x="8" y="18" font-weight="600">{title}: less is better</text>')
    for number, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        x = LEFT + 160 * number
        box = f'x="{x}" y="28" width="12" height="12"'
        print(f'<rect {box} fill="{colour}"/><text x="{x + 18}" y="38">{name}</text>')
    for value in (0.1, 1, 10, 100):
        x = LEFT + across(value)
        print(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="50" y2="{bottom}" stroke="#d8dee4"/>')
        print(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value}</text>')
    for number, (case, costs) in enumerate(cases):
        y = TOP + ROW * number
        print(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{case}</text>')
        for bar, (cost, colour) in enumerate(zip(costs, COLOURS, strict=False)):
            shown = cost.split()[0]
            width, at = max(across(float(shown)), 1), y + 9 * bar
            box = f'x="{LEFT}" y="{at}" width="{width:.1f}" height="8"'
            label = f'x="{LEFT + width + 4:.1f}" y="{at + 7.5}" font-size="9"'
            print(f'<rect {box} fill="{colour}"/><text {label}>{shown}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
