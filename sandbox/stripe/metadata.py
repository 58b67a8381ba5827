"""How metadata changes: key by key, never as a whole."""


def merged_metadata(current: dict[str, str], given: dict[str, str] | None) -> dict[str, str]:
    """Given keys replace, an empty value deletes its key, an empty string in place of all deletes everything."""
    if given is None:
        return {}
    merged = {**current, **given}
    return {key: value for key, value in merged.items() if value != ""}
