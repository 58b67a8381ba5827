"""A renewal, a decline and a new card in the logs of every process: which ids are there, and whose names are not."""

from support.leaks import leaks, lines
from support.stage import ANOTHER_THAT_PAYS, FAILS, GRACE, Stage

NAME, MAIL = "Quillfeather & Sons", "pay+4711@quillfeather.example"


async def test_the_logs_tell_what_happened_to_whom_by_ids_alone(stage: Stage) -> None:
    client = await stage.subscribe()
    await stage.agency.patch(f"/v1/agency/clients/{client.id}", {"name": NAME, "email": MAIL})
    await stage.type_card(client, FAILS)
    await stage.to((await stage.periods(client))[0].end + GRACE)
    await stage.pay_now(client, "p2")
    await stage.type_card(client, ANOTHER_THAT_PAYS)
    assert await stage.invoice_words(client) == {"p1": "paid", "p2": "paid"}

    home = stage.sandbox.home
    assert leaks(home, stage.sandbox.kept, NAME, MAIL, "Quillfeather", "quillfeather", "Client 1") == []
    worked = [line for line in lines(home, "worker") if line.get("client") == client.id]
    assert {line["activity"] for line in worked if line["message"] == "activity"} >= {
        "close_period",
        "issue_invoice",
        "charge_invoice",
        "read_news",
        "record",
    }
    assert {(line["agency"], line["subscription"]) for line in worked} == {(stage.agency_id, client.subscription)}
    tried = [line for line in worked if line.get("call") == "invoices.pay"]
    assert [(line["attempt"], line["result"]) for line in tried] == [
        ("1", "ok"),
        ("1", "declined"),
        ("2", "declined"),
        ("3", "ok"),
    ]
    assert all(line["stripe_request_id"] and line["account"] for line in tried)
    asked = [line for line in lines(home, "api") if line.get("client") == client.id and line["message"] == "request"]
    [paying] = [line for line in asked if line["route"].endswith("/payments")]
    assert tried[2]["request_id"] == paying["request_id"]
    assert "request_id" not in tried[1]
