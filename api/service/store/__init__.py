"""The store in SQLite or PostgreSQL: the only room that meets SQLAlchemy; one file a part.

Nothing is updated in place except the state of a job and of a key: documents, results, approvals, journals and audit records
are only ever added. A result and the end of its job are written in one transaction, and a result that is there already is
left as it is, so work that was done twice leaves one result.
"""

from api.service.records.stored import StoredDocument, StoredFile, StoredFrame
from api.service.store.answers import Answers, KeptAnswer
from api.service.store.approvals import Approvals, StoredApproval, Withdrawal
from api.service.store.audit_trail import AuditTrail
from api.service.store.database import Added, ChangedError, Mark, StoreError, StoreFullError
from api.service.store.documents import Documents, ShippedDocument
from api.service.store.jobs import TERMINAL, Job, Jobs, Message
from api.service.store.journal_records import JournalRecords, NewJournal, Rival, RivalError, StoredJournal
from api.service.store.kept.copies import backup, check_is_there, restore
from api.service.store.keys import Keys
from api.service.store.pack_records import PackRecords, StoredPack
from api.service.store.results import Result, Results

__all__ = [
    "TERMINAL",
    "Added",
    "ChangedError",
    "Job",
    "KeptAnswer",
    "Mark",
    "Message",
    "NewJournal",
    "Result",
    "Rival",
    "RivalError",
    "ShippedDocument",
    "Store",
    "StoreError",
    "StoreFullError",
    "StoredApproval",
    "StoredDocument",
    "StoredFile",
    "StoredFrame",
    "StoredJournal",
    "StoredPack",
    "Withdrawal",
    "backup",
    "check_is_there",
    "restore",
]


class Store(Documents, Jobs, Results, Answers, Keys, AuditTrail, Approvals, JournalRecords, PackRecords):
    """Documents, jobs, results, keys, approvals, journals, data packs and the audit log of one service."""
