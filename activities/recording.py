"""Writing an accepted command to the books, beside whatever step is in flight."""

from temporalio import activity

from activities.messages import RECORD, Outcome, Record
from activities.ports import Store


class Recording:
    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn(name=RECORD)
    async def record(self, record: Record) -> Outcome:
        """Audit, projection and messages of the facts; without facts, the projection of the state as it is."""
        async with self._store.transaction() as books:
            recorded = await books.record(record.state, record.facts, by=record.by)
        return Outcome(record.facts, recorded.version)
