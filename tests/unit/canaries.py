"""Canary secrets in every dress in which one may reach a text."""

import json

CANARY = "cAnArY0123456789"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJ{CANARY}.{CANARY}"
SECRETS = {
    "provider-key": f"sk-ant-api03-{CANARY}-AA",
    "oauth-token": f"got sk-ant-oat01-{CANARY}",
    "other-vendor-key": f"sk-proj-{CANARY}",
    "client-key": f"key ccf_1a2b3c4d_{CANARY} refused",
    "bearer": f"Authorization: Bearer {CANARY}",
    "bearer-alone": f"sent bearer {CANARY}",
    "basic": f"proxy-authorization: Basic {CANARY}=",
    "x-api-key": f"X-Api-Key: {CANARY}",
    "header-dict": repr({"x-api-key": CANARY, "accept": "*/*"}),
    "header-pairs": repr((("Authorization", f"Basic {CANARY}"), ("x-api-key", CANARY))),
    "header-bytes": repr([(b"X-API-Key", CANARY.encode())]),
    "jwt": f"assertion {JWT} was refused",
    "json": json.dumps({"access_token": CANARY, "refresh_token": CANARY, "id_token": CANARY}),
    "json-indented": json.dumps({"refresh_token": CANARY}, indent=1),
    "json-in-json": json.dumps({"body": json.dumps({"refresh_token": CANARY, "password": CANARY})}),
    "json-in-repr": repr(json.dumps({"api_key": f"it's {CANARY}"})),
    "json-escapes": json.dumps({"client_secret": f'a"b\\{CANARY}'}),
    "json-code": json.dumps({"code": CANARY, "code_verifier": CANARY}),
    "query": f"GET /callback?code={CANARY}&state={CANARY}&access_token={CANARY}",
    "form": f"grant_type=refresh_token&refresh_token={CANARY}",
    "pair": f"key={CANARY}",
    "pair-quoted": f"password='{CANARY} {CANARY}'",
    "repr-of-a-value": f"TokenPair(access_token='{CANARY}', expires_at=None)",
    "environment": f"CCFLARE_ENCRYPTION_KEYS={CANARY}",
    "cookie": f"Cookie: theme=dark; __Host-session={CANARY}; other={CANARY}",
    "set-cookie": f"set-cookie: __Host-session={CANARY}; HttpOnly",
    "url-password": f"postgresql+psycopg://ccflare:{CANARY}@db.example/ccflare",
}
