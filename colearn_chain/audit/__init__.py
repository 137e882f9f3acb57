"""Auditing an experiment: whether what is said to have happened follows from what was agreed on; no I/O."""

from colearn_chain.audit.auditing import Change, Evidence, Witness, audit
from colearn_chain.audit.contents import Content, Contents, State
from colearn_chain.audit.findings import Finding, Kind, Outcome, Report, unchecked
from colearn_chain.audit.history_file import HistoryFile

__all__ = [
    "Change",
    "Content",
    "Contents",
    "Evidence",
    "Finding",
    "HistoryFile",
    "Kind",
    "Outcome",
    "Report",
    "State",
    "Witness",
    "audit",
    "unchecked",
]
