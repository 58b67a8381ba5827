"""Who is in the demo's year: two agencies, six clients, what they use, and what that has to come to."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from billing.money import parse_rate, show, show_rate

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MONTHS: Final = 12


@dataclass(frozen=True)
class Agency:
    """An agency, and the local hour at which its clients' periods begin."""

    name: str
    country: str
    zone: str
    currency: str

    def __str__(self) -> str:
        return f"{self.name}, {self.zone}, sells in {self.currency.upper()}."

    @property
    def details(self) -> dict[str, str]:
        """As `POST /v1/agencies` takes it."""
        return {
            "name": self.name,
            "country": self.country,
            "timezone": self.zone,
            "tier": "growth",
            "default_currency": self.currency,
        }


@dataclass(frozen=True)
class Plan:
    """What an agency sells. The price and the rate of a minute over are in minor units."""

    agency: Agency
    name: str
    price: int
    included_minutes: int
    rate: str

    @property
    def details(self) -> dict[str, object]:
        """As `POST /v1/agency/plans` takes it."""
        currency = self.agency.currency
        return {
            "name": self.name,
            "tier": "pro",
            "price": {"amount": self.price, "currency": currency},
            "included_minutes": self.included_minutes,
            "overage_rate": {"amount_decimal": self.rate, "currency": currency, "per": "minute"},
        }

    def __str__(self) -> str:
        currency = self.agency.currency
        over = show_rate(parse_rate(self.rate), currency)
        return f"{show(self.price, currency)} a month, {self.included_minutes} minutes, then {over} a minute"


@dataclass(frozen=True)
class Total:
    """What a client's year comes to, in minor units: `charged` by us, `elsewhere` on Stripe's page or by hand."""

    invoices: int
    charged: int
    elsewhere: int
    overage: int

    @property
    def invoiced(self) -> int:
        """Everything is paid in the end."""
        return self.charged + self.elsewhere


@dataclass(frozen=True)
class Client:
    """A client: the minutes that it uses from period to period, and the total that follows from them."""

    name: str
    external_id: str
    plan: Plan
    minutes: tuple[int, ...]
    total: Total
    after: timedelta = timedelta()
    """How long after its agency's hour its periods begin, so that its renewals come on their own."""
    busy_days: int = 27
    """Calls are made in a period's first days only: no month is shorter, so each stays in its period in any year."""

    @property
    def agency(self) -> Agency:
        return self.plan.agency


BRIGHT: Final = Agency("Bright Voice", "US", "America/New_York", "usd")
HINODE: Final = Agency("Hinode Voice", "JP", "Asia/Tokyo", "jpy")
AGENCIES: Final = (BRIGHT, HINODE)

BRIGHT_PRO: Final = Plan(BRIGHT, "Voice Pro", 4900, 500, "12.5")
BRIGHT_LITE: Final = Plan(BRIGHT, "Voice Lite", 2900, 200, "15")
HINODE_PRO: Final = Plan(HINODE, "Voice Pro", 7200, 500, "18.5")
HINODE_LITE: Final = Plan(HINODE, "Voice Lite", 4200, 200, "22")
PLANS: Final = (BRIGHT_PRO, BRIGHT_LITE, HINODE_PRO, HINODE_LITE)

# The totals are worked out by hand in tests/unit/test_demo_year.py.
CEDAR: Final = Client(
    "Cedar Dental",
    "cedar-dental",
    BRIGHT_PRO,
    (430, 612, 480, 733, 455, 500, 501, 640, 388, 555, 470, 512),
    Total(invoices=13, charged=70614, elsewhere=0, overage=6914),
)
HARBOR: Final = Client(
    "Harbor Realty",
    "harbor-realty",
    BRIGHT_PRO,
    (220, 310, 540, 150, 90, 260, 503, 415, 505, 330, 500, 620),
    Total(invoices=13, charged=65801, elsewhere=0, overage=2101),
)
SUMMIT: Final = Client(
    "Summit Legal",
    "summit-legal",
    BRIGHT_LITE,
    (180, 214, 175, 260, 199, 200, 231, 150, 244, 190, 305, 201),
    Total(invoices=13, charged=38625, elsewhere=2900, overage=3825),
    after=2 * HOUR,
)
HANA: Final = Client(
    "Hana Clinic",
    "hana-clinic",
    HINODE_PRO,
    (320, 541, 498, 613, 502, 455, 577, 530, 489, 601, 500, 520),
    Total(invoices=12, charged=84881, elsewhere=8625, overage=7106),
)
KUMO: Final = Client(
    "Kumo Hotels",
    "kumo-hotels",
    HINODE_LITE,
    (120, 185, 233, 204, 160, 251, 199, 222, 340, 175, 208, 263),
    Total(invoices=13, charged=61662, elsewhere=0, overage=7062),
)
NAMI: Final = Client(
    "Nami Travel",
    "nami-travel",
    HINODE_PRO,
    (410, 587, 640, 498, 533),
    Total(invoices=6, charged=40811, elsewhere=0, overage=4811),
    busy_days=17,  # its periods end in the middle of the month, and calls are taken in at the month's end
)
CLIENTS: Final = (CEDAR, HARBOR, SUMMIT, HANA, KUMO, NAMI)

# The later acts': what it comes to is not known on paper, because it depends on the length of the month.
RHEIN: Final = Agency("Rhein Voice", "DE", "Europe/Berlin", "eur")
RHEIN_PRO: Final = Plan(RHEIN, "Sprache Pro", 3900, 400, "11")
RHEIN_MAX: Final = Plan(RHEIN, "Sprache Max", 7900, 1000, "9.5")
ALPEN: Final = Client("Alpen Hotel", "alpen-hotel", RHEIN_PRO, (), Total(0, 0, 0, 0))


def beginnings(now: datetime) -> dict[Agency, datetime]:
    """When the periods of each agency's clients begin: on the next 31st in New York, on the 1st after it in Tokyo."""
    thirty_first = next_31st(now)
    local = thirty_first.astimezone(ZoneInfo(BRIGHT.zone))
    year, month = local.year + local.month // 12, local.month % 12 + 1
    first = datetime(year, month, 1, 9, 0, tzinfo=ZoneInfo(HINODE.zone))
    return {BRIGHT: thirty_first, HINODE: first.astimezone(UTC)}


def next_31st(now: datetime) -> datetime:
    """The next 31st, 09:30 in New York, that is at least an hour ahead."""
    local = (now + HOUR).astimezone(ZoneInfo(BRIGHT.zone))
    year, month = local.year, local.month
    while True:
        if monthrange(year, month)[1] == 31:
            found = datetime(year, month, 31, 9, 30, tzinfo=ZoneInfo(BRIGHT.zone))
            if found > local:
                return found.astimezone(UTC)
        year, month = year + month // 12, month % 12 + 1
