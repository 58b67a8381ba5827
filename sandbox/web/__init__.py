"""What a visitor of the sandbox sees in the browser besides the product's own pages, and never in production.

On the control port: everybody who is in the sandbox, with a link to log in as each. On the API's own origin, under
`/sandbox`: the bar that lies under every page, which passes on to the control port what is pressed, and caught mail.
"""
