"""Where Stripe accounts can live, and the currency that they start with."""

COUNTRIES = {
    "AE": "aed", "AT": "eur", "AU": "aud", "BE": "eur", "BG": "eur", "BR": "brl", "CA": "cad", "CH": "chf",
    "CY": "eur", "CZ": "czk", "DE": "eur", "DK": "dkk", "EE": "eur", "ES": "eur", "FI": "eur", "FR": "eur",
    "GB": "gbp", "GI": "gbp", "GR": "eur", "HK": "hkd", "HR": "eur", "HU": "huf", "IE": "eur", "IT": "eur",
    "JP": "jpy", "LI": "chf", "LT": "eur", "LU": "eur", "LV": "eur", "MT": "eur", "MX": "mxn", "MY": "myr",
    "NL": "eur", "NO": "nok", "NZ": "nzd", "PL": "pln", "PT": "eur", "RO": "ron", "SE": "sek", "SG": "sgd",
    "SI": "eur", "SK": "eur", "TH": "thb", "US": "usd",
}  # fmt: skip
