"""Auditing an experiment: whether what is said to have happened follows from what was agreed on; no I/O."""

from colearn_chain.audit.auditing import audit
from colearn_chain.audit.contents import Content, Contents, State
from colearn_chain.audit.evidence import AsOf, Change, Evidence, Log, LoggedBallot, Witness
from colearn_chain.audit.findings import Finding, Kind, Outcome, Report, unchecked, wrong
from colearn_chain.audit.history_file import HistoryFile

__all__ = [
    "AsOf",
    "Change",
    "Content",
    "Contents",
    "Evidence",
    "Finding",
    "HistoryFile",
    "Kind",
    "Log",
    "LoggedBallot",
    "Outcome",
    "Report",
    "State",
    "Witness",
    "audit",
    "unchecked",
    "wrong",
]
