"""The agency's clients: found, added, changed and archived."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query
from starlette.responses import Response

from api.pages.agency import client_form
from api.pages.agency.door import API, dashboard_router, show
from api.pages.door import Visit, Visiting
from api.pages.entries import Entry, refused_entry
from api.pages.inside import Json, Refused

router = dashboard_router("/clients")
_HERE: Final = "/agency/clients"
_API: Final = f"{API}/clients"
_ROWS: Final = 25
Asked = Annotated[str, Query(max_length=200)]


@router.get("")
async def list_clients(
    visit: Visiting,
    search: Asked = "",
    status: Asked = "",
    used: Asked = "",
    sort: Asked = "",
    cursor: str | None = None,
) -> Response:
    """`used`: from what percent of the included minutes on. What is left empty is not asked for."""
    given = {"search": search.strip(), "status": status, "used": used, "sort": sort}
    wanted = {name: value for name, value in given.items() if value}
    asked = {"over_percent" if name == "used" else name: value for name, value in wanted.items()}
    found = await visit.inside.get(_API, limit=_ROWS, cursor=cursor, **asked)
    return await show(
        visit,
        "clients/list.html",
        clients=found["data"],
        entry=Entry(wanted),
        narrowed=bool(wanted.keys() - {"sort"}),
        next=_address(wanted, found["next_cursor"]) if found["next_cursor"] else None,
        first=_address(wanted) if cursor else None,
    )


@router.get("/new")
async def new(visit: Visiting) -> Response:
    return await _form(visit, Entry())


@router.post("/new")
async def add(visit: Visiting) -> Response:
    try:
        made = await visit.inside.send("POST", _API, client_form.new_client(visit.form), key=visit.key)
    except Refused as refused:
        return await _form(visit, client_form.refused(visit.form, refused))
    return visit.go(f"{_HERE}/{made['id']}", f"{made['name']} is added. Next, assign a plan.")


@router.get("/{client_id}/edit")
async def edit(visit: Visiting, client_id: str) -> Response:
    client = await visit.inside.get(f"{_API}/{client_id}")
    return await _form(visit, Entry(client_form.as_typed(client)), client)


@router.post("/{client_id}/edit")
async def change(visit: Visiting, client_id: str) -> Response:
    client = await visit.inside.get(f"{_API}/{client_id}")
    try:
        await visit.inside.send("PATCH", f"{_API}/{client_id}", client_form.changed_client(visit.form))
    except Refused as refused:
        return await _form(visit, client_form.refused(visit.form, refused), client)
    return visit.go(f"{_HERE}/{client_id}", "The changes are saved.")


@router.get("/{client_id}/archive")
async def ask_to_archive(visit: Visiting, client_id: str) -> Response:
    return await _archive(visit, client_id, Entry())


@router.post("/{client_id}/archive")
async def archive(visit: Visiting, client_id: str) -> Response:
    try:
        client = await visit.inside.send("POST", f"{_API}/{client_id}/archive", key=visit.key)
    except Refused as refused:
        return await _archive(visit, client_id, refused_entry(visit.form, refused, {}))
    return visit.go(_HERE, f"{client['name']} is archived. Its invoices stay.")


async def _archive(visit: Visit, client_id: str, entry: Entry) -> Response:
    client = await visit.inside.get(f"{_API}/{client_id}")
    return await show(visit, "clients/archive.html", entry.status, client=client, entry=entry)


async def _form(visit: Visit, entry: Entry, client: Json | None = None) -> Response:
    """The form of a new client, or of the `client` that is changed."""
    countries = client_form.countries()
    return await show(visit, "clients/form.html", entry.status, entry=entry, client=client, countries=countries)


def _address(wanted: dict[str, str], cursor: str | None = None) -> str:
    """This list, of what is wanted, from the cursor on."""
    query = urlencode(wanted | ({"cursor": cursor} if cursor else {}))
    return f"{_HERE}?{query}" if query else _HERE
