"""Every invariant of billing-rules 10, each with its figures: within the books, and across the three sides."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one invariant came to."""

    id: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """All invariants, in the order of their numbers."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        invariants = [{"id": found.id, "ok": found.ok, "detail": found.detail} for found in self.findings]
        return {"ok": self.ok, "invariants": invariants}
