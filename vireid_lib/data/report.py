"""What a check of a data set found, as text for people and as JSON for programs."""

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from vireid_lib.data.text import printable

SHOWN = 5  # examples of a finding in the text; the JSON lists all


@dataclass(frozen=True)
class Finding:
    """Something about the data: an error makes it unusable, a warning changes numbers, a note is harmless.

    `items` are kept as they can be printed: of a file's name, bytes that are not UTF-8 become `\\xb8`.
    """

    severity: Literal["error", "warning", "note"]
    what: str
    remedy: str = ""
    items: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", [printable(item) for item in self.items])


@dataclass(frozen=True)
class CountLine:
    """A number found on disk beside those that sources print for it, each with value, source and note."""

    what: str
    found: int
    stated: list[dict[str, str | int]]

    @property
    def agrees(self) -> bool:
        return any(stated["value"] == self.found for stated in self.stated)


@dataclass(frozen=True)
class Report:
    """The outcome of `check_dataset`; `root` is the folder as it can be printed."""

    name: str
    root: str
    images: int
    counts: list[CountLine]
    findings: list[Finding]

    @property
    def usable(self) -> bool:
        """Whether every image of the data set can be read into the table and decoded."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> str:
        """Return everything as JSON, with `usable` and, for each count, `agrees`."""
        counts = [asdict(line) | {"agrees": line.agrees} for line in self.counts]
        return json.dumps(asdict(self) | {"usable": self.usable, "counts": counts}, indent=2, ensure_ascii=False)

    def to_text(self) -> str:
        """Return a report for the terminal: the verdict, the counts, then findings by weight."""
        verdict = "usable" if self.usable else "NOT USABLE"
        lines = [f"{self.name} at {self.root}: {self.images:,} images, {verdict}"]
        lines += ["", "Counts"] if self.counts else []
        width = max((len(line.what) for line in self.counts), default=0)
        for line in self.counts:
            notes = (f" ({each['note']})" if each["note"] else "" for each in line.stated)
            sources = (f"{s['source']}: {s['value']:,}{note}" for s, note in zip(line.stated, notes, strict=True))
            verdict = "ok     " if line.agrees else "DIFFERS"
            lines.append(f"  {verdict} {line.what:<{width}} {line.found:>7,}  {'; '.join(sources)}")
        for severity, title in (("error", "Errors"), ("warning", "Warnings"), ("note", "Notes")):
            findings = [finding for finding in self.findings if finding.severity == severity]
            lines += ["", title] if findings else []
            for finding in findings:
                lines.append(f"  {finding.what} {finding.remedy}".rstrip())
                lines += [f"    {item}" for item in finding.items[:SHOWN]]
                if len(finding.items) > SHOWN:
                    lines.append(f"    ... and {len(finding.items) - SHOWN} more")
        return "\n".join(lines) + "\n"
