"""The Stripe emulator as our child, and what may be asked of it beside Stripe's own API."""

import html
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from adapters.stripe.events import EVENTS
from sandbox.caller import READY_SECONDS, http_client
from sandbox.child import Program

TIMEOUT_SECONDS = 10.0


class EmulatorRefused(Exception):
    """The emulator cannot do what was asked; the message says why."""


def emulator_program(data_dir: Path, port: int, api_key: str, clock_file: Path, log: Path) -> Program:
    """The emulator over `data_dir`, which is created when missing."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return Program(
        name="stripe",
        argv=(
            *(sys.executable, "-m", "sandbox.stripe", "--port", str(port), "--api-key", api_key),
            *("--db", str(data_dir / "stripe.sqlite"), "--clock-file", str(clock_file)),
        ),
        log=log,
        ready=lambda: _answers(port),
    )


async def _answers(port: int) -> bool:
    async with http_client(f"http://127.0.0.1:{port}", READY_SECONDS) as http:
        return (await http.get("/_emulator/health")).is_success


class Emulator:
    """The control calls under `/_emulator/`. Every call raises EmulatorRefused, or httpx's errors when it is away."""

    def __init__(self, base: str, api_key: str) -> None:
        self._http = http_client(base, TIMEOUT_SECONDS)
        self._as_platform = {"Authorization": f"Bearer {api_key}"}

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, path: str) -> Any:
        return _answer(await self._http.get(f"/_emulator/{path}"))

    async def tell(self, path: str, body: Mapping[str, object]) -> Any:
        return _answer(await self._http.post(f"/_emulator/{path}", json=body))

    async def clear_faults(self) -> None:
        _answer(await self._http.delete("/_emulator/faults"))

    async def send_events_to(self, base: str, *, platform_secret: str, connect_secret: str) -> None:
        """Register the API's two webhook endpoints for the events of production, and forget those of addresses that it
        had before."""
        wanted = {f"{base}/webhooks/stripe": platform_secret, f"{base}/webhooks/stripe/connect": connect_secret}
        known = _answer(await self._http.get("/v1/webhook_endpoints?limit=100", headers=self._as_platform))
        for endpoint in known["data"]:
            if endpoint["url"] not in wanted:
                path = f"/v1/webhook_endpoints/{endpoint['id']}"
                _answer(await self._http.delete(path, headers=self._as_platform))
        for url, secret in wanted.items():
            body = {"url": url, "secret": secret, "connect": url.endswith("/connect"), "enabled_events": sorted(EVENTS)}
            await self.tell("webhook_endpoints", body)

    async def make_price(self, account: str, name: str, amount: int, currency: str) -> str:
        """A monthly price with its product, as an agency makes them in its dashboard; the price's id."""
        body = {
            "currency": currency,
            "unit_amount": str(amount),
            "recurring[interval]": "month",
            "product_data[name]": name,
        }
        headers = {**self._as_platform, "Stripe-Account": account}
        made: str = _answer(await self._http.post("/v1/prices", data=body, headers=headers))["id"]
        return made

    async def onboard(self, link: str, action: str = "submit") -> str:
        """Follow an account link and send the form in, as the account's owner would; where the browser is led then."""
        shown = await self._http.get(link)
        if shown.is_redirect:
            return shown.headers["location"]
        visit = re.search(r'name="visit" value="(\w+)"', shown.text)
        if visit is None:
            raise EmulatorRefused(f"the onboarding page answered {shown.status_code}")
        business = {"business_type": "company", "url": "https://agency.example"}
        reply = await self._http.post(link, data={"visit": visit[1], **business, "action": action})
        if not reply.is_redirect:
            raise EmulatorRefused(f"the onboarding page answered {reply.status_code}")
        return reply.headers["location"]

    async def type_card(self, page: str, card: Mapping[str, str]) -> str | None:
        """Fill in Checkout's page as a customer would, answering the bank when it asks; the refusal, or none."""
        reply = await self._http.post(page, data=dict(card))
        if reply.status_code == httpx.codes.PAYMENT_REQUIRED:
            return _refusal(reply.text)
        if reply.headers.get("location", "").startswith(("/c/", page)):
            reply = await self._http.post(page, data={"action": "authenticate"})
        if not reply.is_redirect:
            raise EmulatorRefused(f"the card page answered {reply.status_code}")
        return None


def _refusal(page: str) -> str:
    said = re.search(r'class="refusal"[^>]*>([^<]+)<', page)
    return html.unescape(said[1]).strip() if said else "The card was refused."


def _answer(reply: httpx.Response) -> Any:
    body = reply.json()
    if reply.is_error:
        raise EmulatorRefused(body.get("error", {}).get("message", f"status {reply.status_code}"))
    return body
