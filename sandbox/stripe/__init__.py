"""What a Stripe account does when nobody has a network: a stateful stand-in that the official SDK talks to unmodified.

It is a model of Stripe and of nothing else: it imports the standard library, starlette, uvicorn, jinja2 and fpdf2.
`python -m sandbox.stripe --help` starts it; `api` is the way of a request, `invoicing` and `charging` are the heart.
"""
