"""The refunds and disputes of a connected account, compared with our books (docs/operations.md, "Reconciliation")."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activities.ports import Comparison, Records, Refunds
from billing.reconciling import Booked, Difference, Subject
from billing.reversals import BookedReversal, ReversalReading, reversal_differences


@dataclass(frozen=True)
class Look:
    """What differs, and about what that could be said: what is not at rest is left for later."""

    differences: tuple[Difference, ...]
    judged: frozenset[str]


class Reversals:
    """Raises billing.payments.PaymentTrouble."""

    def __init__(self, books: Comparison, records: Records, refunds: Refunds) -> None:
        self._books = books
        self._records = records
        self._refunds = refunds

    async def first_look(self, account: str, since: datetime) -> tuple[Difference, ...]:
        """By lists, and one by one only what our books have and the lists do not show: an older one that goes on."""
        theirs: dict[str, ReversalReading] = {}
        async for page in self._records.reversals(account, since):
            theirs |= {reading.provider_id: reading for reading in page}
        ours = [
            *await self._books.expected_reversals(account, since),
            *await self._books.booked_reversals(account, theirs.keys()),
        ]
        for booked in ours:
            if booked.provider_id not in theirs:
                reading = await self._records.read_reversal(account, booked.subject, booked.provider_id)
                theirs |= {reading.provider_id: reading} if reading else {}
        return await self._compared(account, ours, theirs)

    async def look(self, account: str, objects: Mapping[str, Subject]) -> Look:
        """One by one, both sides anew, at those of the objects that are refunds or disputes."""
        theirs: dict[str, ReversalReading] = {}
        asked: list[str] = []
        for object, subject in objects.items():
            if subject is Subject.REFUND or subject is Subject.DISPUTE:
                asked.append(object)
                reading = await self._records.read_reversal(account, subject, object)
                theirs |= {object: reading} if reading else {}
        # Ours after theirs, and after what is still to be read: so what was read by then is in the books.
        moving = await self._books.unread(account, asked)
        differences = await self._compared(account, await self._books.booked_reversals(account, asked), theirs)
        judged = frozenset(asked) - moving
        return Look(tuple(one for one in differences if one.object in judged), judged)

    async def _compared(
        self, account: str, ours: Iterable[BookedReversal], theirs: Mapping[str, ReversalReading]
    ) -> tuple[Difference, ...]:
        booked = {one.provider_id: one for one in ours}
        paid = await self._paid(account, [theirs[object] for object in theirs.keys() - booked.keys()])
        return tuple(
            difference
            for object in sorted(booked.keys() | theirs.keys())
            for difference in reversal_differences(booked.get(object), theirs.get(object), paid.get(object))
        )

    async def _paid(self, account: str, unknown: Sequence[ReversalReading]) -> dict[str, Booked]:
        """By the reversal, our invoice that its payment paid. Stripe is asked for clients of ours alone: an agency's
        other customers are its own, and can be many."""
        clients = await self._books.are_clients(account, {one.customer for one in unknown if one.customer})
        paid: dict[str, Booked] = {}
        for one in unknown:
            if one.payment_intent and one.customer in clients:
                invoice = await self._refunds.invoice_of(account, one.payment_intent)
                for booked in await self._books.booked(account, [invoice], []) if invoice else ():
                    paid[one.provider_id] = booked
        return paid
