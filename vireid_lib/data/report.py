"""What a check of a data set found, as text for people and as JSON for programs."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from vireid_lib.data.text import printable

SHOWN = 5  # examples of a finding in the text; the JSON lists all
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something about the data: an error makes it unusable, a warning changes numbers, a note is harmless."""

    severity: Severity
    what: str
    remedy: str = ""
    items: tuple[str, ...] = ()


def found(severity: Severity, items: list[str], what: str, remedy: str = "") -> list[Finding]:
    """The finding "<number of items> <what>", where there are items; they are kept as they can be printed."""
    shown = tuple(map(printable, items))
    return [Finding(severity, f"{len(items)} {what}", remedy, shown)] if items else []


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
