"""Stripe as the business sees it: the one package that imports the Stripe SDK."""
