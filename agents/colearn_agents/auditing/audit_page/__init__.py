"""An audit as one page of HTML that stands alone: no script, no font, no picture from anywhere else."""

from colearn_agents.auditing.audit_page.page import audit_page

__all__ = ["audit_page"]
