"""General settings, a section at a time, and the levels of usage at which people are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from api.pages.agency import choices
from api.pages.agency.door import show
from api.pages.agency.settings.door import HERE, SETTINGS, lines, naming, settings_router, wholes
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused
from api.pages.typed import Typed, major
from api.problems import NotFound

router = settings_router()
_PERCENTS: Final = "usage_alert_percents"


def _billing(typed: Typed) -> Json:
    typed.need("usage_grace_minutes")
    return {
        "timezone": typed.text("timezone"),
        "usage_grace_minutes": typed.whole("usage_grace_minutes"),
        "review_over": typed.money("review_over", typed.text("review_currency") or ""),
    }


def _mail(typed: Typed) -> Json:
    return {
        "sender": {"name": typed.text("sender_name"), "email": typed.text("sender_email")},
        "support": {name: typed.text(f"support_{name}") for name in ("email", "phone", "url")},
    }


def _origins(typed: Typed) -> Json:
    return {"allowed_origins": lines(typed, "allowed_origins")}


def _tax(typed: Typed) -> Json:
    return {"tax": {"mode": typed.text("tax_mode"), "rate_ids": lines(typed, "tax_rate_ids")}}


@dataclass(frozen=True)
class Section:
    """A form of its own on the page. `lists` are the fields that hold one entry a line, by the API's names."""

    read: Callable[[Typed], Json]
    said: str
    names: Mapping[str, tuple[str, ...]]
    lists: Mapping[str, str]


_SECTIONS: Final[Mapping[str, Section]] = {
    "billing": Section(
        _billing,
        "Saved. Subscriptions that run keep their time zone; the rest holds from the end of each period on.",
        {name: (name,) for name in ("timezone", "usage_grace_minutes", "review_over")},
        {},
    ),
    "mail": Section(
        _mail,
        "Saved. The next mail to a client says so.",
        {
            f"{owner}_{name}": (f"{owner}.{name}",)
            for owner, names in (("sender", ("name", "email")), ("support", ("email", "phone", "url")))
            for name in names
        },
        {},
    ),
    "origins": Section(
        _origins,
        "Saved. Clients can be led back to these addresses.",
        {"allowed_origins": ("allowed_origins",)},
        {"allowed_origins": "allowed_origins"},
    ),
    "tax": Section(
        _tax,
        "Saved. It holds for the invoices that are drafted from now on.",
        {"tax_mode": ("tax.mode",), "tax_rate_ids": ("tax.rate_ids",)},
        {"tax_rate_ids": "tax.rate_ids"},
    ),
}


@router.get("")
async def read(visit: Visiting) -> Response:
    return await _general(visit, await visit.inside.get(SETTINGS), Entry())


@router.get("/alerts")
async def alerts(visit: Visiting) -> Response:
    settings = await visit.inside.get(SETTINGS)
    entry = Entry({_PERCENTS: ", ".join(str(level) for level in settings[_PERCENTS])})
    return await show(visit, "settings/alerts.html", entry=entry)


@router.post("/alerts")
async def set_alerts(visit: Visiting) -> Response:
    typed = Typed(visit.form)
    levels = wholes(typed, _PERCENTS)
    entry = typed.refused()
    if not typed.errors:
        try:
            await visit.inside.send("PATCH", SETTINGS, {_PERCENTS: levels})
        except Refused as refused:
            entry = refused_entry(visit.form, naming(refused, _PERCENTS, levels), {_PERCENTS: (_PERCENTS,)})
        else:
            return visit.go(
                f"{HERE}/alerts", "Saved. A level that a client has passed already counts from its next period on."
            )
    return await show(visit, "settings/alerts.html", entry.status, entry=entry)


@router.post("/general/{name}")
async def change(visit: Visiting, name: str) -> Response:
    """One section alone: what stands in the others may be half typed, and may be changed by somebody else."""
    section = _SECTIONS.get(name)
    if section is None:
        raise NotFound
    typed = Typed(visit.form)
    changes = section.read(typed)
    entry = typed.refused()
    if not typed.errors:
        try:
            await visit.inside.send("PATCH", SETTINGS, changes)
        except Refused as refused:
            for field, theirs in section.lists.items():
                naming(refused, theirs, lines(typed, field))
            entry = refused_entry(visit.form, refused, section.names)
        else:
            return visit.go(HERE, section.said)
    return await _general(visit, await visit.inside.get(SETTINGS), entry, name)


async def _general(visit: Visit, settings: Json, entry: Entry, refused: str = "") -> Response:
    """The page with what is set, and with what was typed into the section that was `refused`."""
    entry = Entry({**_typed(visit, settings), **entry.values}, entry.errors, entry.trouble)
    return await show(
        visit,
        "settings/general.html",
        entry.status,
        entry=entry,
        refused=refused,
        zones=choices.zones(),
        currencies=choices.currencies(),
    )


def _typed(visit: Visit, settings: Json) -> dict[str, str]:
    """The settings as they would be typed."""
    limit, sender, support, tax = (settings[name] for name in ("review_over", "sender", "support", "tax"))
    return {
        "timezone": settings["timezone"],
        "usage_grace_minutes": str(settings["usage_grace_minutes"]),
        "review_over": major(limit["amount"], limit["currency"]) if limit else "",
        "review_currency": limit["currency"] if limit else visit.agency.default_currency,
        **{f"sender_{name}": value or "" for name, value in sender.items()},
        **{f"support_{name}": value or "" for name, value in support.items()},
        "allowed_origins": "\n".join(settings["allowed_origins"]),
        "tax_mode": tax["mode"],
        "tax_rate_ids": "\n".join(tax["rate_ids"]),
    }
