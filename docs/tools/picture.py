"""`python -m docs.tools.picture`: runs the demo, and draws its closing screen as docs/demo.svg.

The picture shows a real run: if one of its checks fails, nothing is written and the exit status is 1.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from rich.console import Console, Group

from worker.demo.demo import demonstrate
from worker.demo.stage import Options

PICTURE = Path(__file__).parents[1] / "demo.svg"
TITLE = "make demo"

FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">{matrix}</g>
</g>
</svg>
"""
"""Rich's own format loads a font from a content delivery network; this one uses the reader's fonts."""


class ClosingScreen(Console):
    """A console that records only what is printed from the closing tables on."""

    def __init__(self) -> None:
        super().__init__(record=True, width=100)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as usual; recording starts at the tables, which are printed as one group."""
        if any(isinstance(each, Group) for each in objects):
            self.export_text(clear=True)
        super().print(*objects, **options)

    def picture(self) -> str:
        """Draw what was recorded, as wide as its longest line."""
        kept = self.export_text(clear=False).splitlines()
        self.width = max(len(line.rstrip()) for line in kept) + 1
        return self.export_svg(title=TITLE, code_format=FORMAT, unique_id="demo")


def main() -> None:
    """Run the demo and write the picture."""
    screen = ClosingScreen()
    if not asyncio.run(demonstrate(Options(), screen)):
        sys.exit("the demo failed; the picture is left as it was")
    PICTURE.write_text(screen.picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
