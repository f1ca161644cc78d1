"""The whole store: all its parts over one database."""

from __future__ import annotations

from api.service.store.answers import Answers
from api.service.store.approvals import Approvals
from api.service.store.audit_trail import AuditTrail
from api.service.store.documents import Documents
from api.service.store.jobs import Jobs
from api.service.store.journal_records import JournalRecords
from api.service.store.keys import Keys
from api.service.store.pack_records import PackRecords
from api.service.store.results import Results


class Store(Documents, Jobs, Results, Answers, Keys, AuditTrail, Approvals, JournalRecords, PackRecords):
    """Documents, jobs, results, keys, approvals, journals, data packs and the audit log of one service."""
