"""An invoice as a PDF that opens: seller, customer, number, dates, lines, taxes and totals."""

from datetime import UTC, datetime

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from sandbox.stripe.money import format_amount
from sandbox.stripe.store import Record, Store
from sandbox.stripe.types import Json

_LINE_HEIGHT = 6
_AMOUNT_WIDTH = 45


def invoice_pdf(store: Store, invoice: Record) -> bytes:
    """The PDF's bytes; uncompressed, so that what it says can be found in it."""
    body = invoice.body
    document = FPDF()
    document.set_compression(False)
    document.set_title(f"Invoice {body['number']}")
    document.set_creation_date(datetime.fromtimestamp(body["created"], UTC))
    document.add_page()
    _heading(document, body)
    _facts(document, body)
    for line in invoice.hidden["lines"]:
        _row(document, line["description"] or "Item", format_amount(line["amount"], line["currency"]))
    document.ln(2)
    for label, amount in _totals(store, body):
        _row(document, label, format_amount(amount, body["currency"]))
    return bytes(document.output())


def _heading(document: FPDF, body: Json) -> None:
    document.set_font("Helvetica", "B", 20)
    _text(document, "Invoice", height=12)
    document.set_font("Helvetica", "B", 11)
    _text(document, body["account_name"] or "Emulated merchant")
    document.set_font("Helvetica", size=11)


def _facts(document: FPDF, body: Json) -> None:
    _text(document, f"Invoice number {body['number']}")
    _text(document, f"Date of issue {day(body['effective_at'])}")
    if body["due_date"]:
        _text(document, f"Date due {day(body['due_date'])}")
    _text(document, f"Bill to {body['customer_name'] or body['customer_email'] or body['customer']}")
    _text(document, f"Status {body['status']}")
    document.ln(4)


def _totals(store: Store, body: Json) -> list[tuple[str, int]]:
    rows = [("Subtotal", body["subtotal"])]
    for tax in body["total_taxes"]:
        rate = store.load(tax["tax_rate_details"]["tax_rate"])
        label = f"{rate.body['display_name']} {rate.body['percentage']:g}%" if rate else "Tax"
        rows.append((f"{label} ({tax['tax_behavior']})", tax["amount"]))
    rows.append(("Total", body["total"]))
    moved = (body["ending_balance"] or 0) - body["starting_balance"]
    if moved:
        rows.append(("Applied balance", -moved))
    rows.append(("Amount due", body["amount_due"]))
    if body["amount_paid"]:
        rows.append(("Amount paid", body["amount_paid"]))
    return rows


def _row(document: FPDF, label: str, amount: str) -> None:
    width = document.epw - _AMOUNT_WIDTH
    document.cell(width, _LINE_HEIGHT, _latin(label)[:90], new_x=XPos.RIGHT, new_y=YPos.TOP)
    document.cell(_AMOUNT_WIDTH, _LINE_HEIGHT, amount, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _text(document: FPDF, text: str, height: float = _LINE_HEIGHT) -> None:
    document.cell(0, height, _latin(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _latin(text: str) -> str:
    """The built-in fonts know Latin-1 only; dashes are common enough to be kept."""
    plain = text.replace("–", "-").replace("—", "-")
    return plain.encode("latin-1", errors="replace").decode("latin-1")


def day(instant: int) -> str:
    """As an invoice shows it: `31 January 2027`."""
    return datetime.fromtimestamp(instant, UTC).strftime("%d %B %Y")
