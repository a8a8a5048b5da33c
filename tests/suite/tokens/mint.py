"""Reads our tokens, and mints hostile ones, with a library that shares no code with ours.

On standard input: {"x", "d", "kid": our key; "jwks": as published; "token": one of ours; "claims": of a token that counts}.
On standard output: {"plain": a token that counts, "header" and "claims" of ours as read here, "hostile": {name: token}}.
"""

import hmac
import json
import sys

from jwcrypto import jwe, jwk, jws, jwt
from jwcrypto.common import base64url_decode, base64url_encode

given = json.load(sys.stdin)
ours = jwk.JWK(kty="OKP", crv="Ed25519", x=given["x"], d=given["d"])
stranger = jwk.JWK.generate(kty="OKP", crv="Ed25519")
kid = given["kid"]
claims = json.dumps(given["claims"])
plain_header = {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}


def minted(header, payload=claims, key=ours, alg="EdDSA"):
    """A compact JWS with exactly this header, a document or text, and exactly this payload."""
    text = header if isinstance(header, str) else json.dumps(header)
    made = jws.JWSCore(alg, key, text, payload, algs=[alg]).sign()
    return f"{base64url_encode(text)}.{base64url_encode(payload)}.{made['signature']}"


def header(**members):
    return {**plain_header, **members}


def with_claims(**members):
    return json.dumps({**given["claims"], **members})


def secret(raw):
    return jwk.JWK(kty="oct", k=base64url_encode(raw))


hostile = {}
for name in ("none", "None", "NONE", "nOnE"):
    head = base64url_encode(json.dumps(header(alg=name)))
    hostile[f"{name}, no signature"] = f"{head}.{base64url_encode(claims)}."
    hostile[f"{name}, our signature of another"] = f"{head}.{base64url_encode(claims)}.{given['token'].split('.')[2]}"

# The public key taken for a shared secret, in each form that somebody might keep it in.
public = jwk.JWK(kty="OKP", crv="Ed25519", x=given["x"])
forms = {
    "raw": base64url_decode(given["x"]),
    "Base64url": given["x"].encode(),
    "JWK": public.export_public().encode(),
    "PEM": public.export_to_pem(),
    "JWKS": given["jwks"].encode(),
}
for form, raw in forms.items():
    for alg in ("HS256", "HS384", "HS512"):
        # By hand: the library refuses to be this careless with short keys.
        signed = f"{base64url_encode(json.dumps(header(alg=alg)))}.{base64url_encode(claims)}"
        mac = hmac.new(raw, signed.encode(), f"sha{alg[2:]}").digest()
        hostile[f"{alg} with the public key, {form}"] = f"{signed}.{base64url_encode(mac)}"

# Each algorithm that there is, signed rightly with a key that is right for it.
rsa = jwk.JWK.generate(kty="RSA", size=2048)
for alg, key in (
    ("ES256", jwk.JWK.generate(kty="EC", crv="P-256")),
    ("ES256K", jwk.JWK.generate(kty="EC", crv="secp256k1")),
    ("ES384", jwk.JWK.generate(kty="EC", crv="P-384")),
    ("ES512", jwk.JWK.generate(kty="EC", crv="P-521")),
    ("EdDSA", jwk.JWK.generate(kty="OKP", crv="Ed448")),
    *((f"{family}{bits}", rsa) for family in ("RS", "PS") for bits in (256, 384, 512)),
    *((f"HS{bits}", jwk.JWK.generate(kty="oct", size=bits)) for bits in (256, 384, 512)),
):
    hostile[f"{alg}, a stranger's key under our name"] = minted(header(alg=alg), key=key, alg=alg)
    embedded = json.loads(key.export() if key["kty"] == "oct" else key.export_public())
    hostile[f"{alg}, a stranger's key in the token"] = minted(header(alg=alg, jwk=embedded), key=key, alg=alg)
hostile["a stranger's key"] = minted(plain_header, key=stranger)
hostile["a stranger's key under its own name"] = minted(header(kid=stranger.thumbprint()), key=stranger)
hostile["a stranger's key in the token"] = minted(header(jwk=json.loads(stranger.export_public())), key=stranger)

# From here on all is signed with our own key: only what it says is wrong.
for value in (["exp"], ["b64"], ["urn:example"], [], "exp", None, ["crit"]):
    hostile[f"crit {value}"] = minted(header(crit=value))
hostile["crit exp, present"] = minted(header(crit=["exp"], exp=1))
hostile["b64 true"] = minted(header(b64=True, crit=["b64"]))
detached = jws.JWSCore("EdDSA", ours, json.dumps(header(b64=False, crit=["b64"])), claims)
hostile["b64 false"] = ".".join((base64url_encode(json.dumps(header(b64=False, crit=["b64"]))), claims, detached.sign()["signature"]))
for member in ("jku", "x5u"):
    hostile[member] = minted(header(**{member: "https://attacker.example/keys"}))
hostile["x5c"] = minted(header(x5c=["MIIB"]))
hostile["our own key in the token"] = minted(header(jwk=json.loads(public.export_public())))
for value in ("", "../../../../dev/null", "/dev/null", "' UNION SELECT 'a' --", "a\u0000b", "$(id)", kid + " ", kid.upper(), 1, None, [kid], {"kid": kid}):
    hostile[f"kid {value!r}"] = minted(header(kid=value))
for value in ("JWT", "jwt", "dpop+jwt", "logout+jwt", "id_token", "AT+JWT", "application/at+jwt", "", None):
    hostile[f"typ {value!r}"] = minted(header(typ=value))
hostile["a header twice"] = minted(json.dumps(plain_header).replace("{", '{"alg": "none", ', 1))
hostile["a name twice, escaped"] = minted(json.dumps(plain_header).replace("{", '{"\\u0061lg": "none", ', 1))

for claim, value in (("sub", "key_0"), ("tenant", "ten_0"), ("roles", ["operator"]), ("exp", 99999999999), ("aud", "x")):
    twice = json.dumps({claim: value})[:-1] + ", "
    hostile[f"{claim} twice, first"] = minted(plain_header, claims.replace("{", twice, 1))
    hostile[f"{claim} twice, last"] = minted(plain_header, claims[:-1] + ", " + twice[1:-2] + "}")
for claim, value in (
    ("aud", [given["claims"]["aud"]]),
    ("aud", [given["claims"]["aud"], "x"]),
    ("iss", given["claims"]["iss"] + "/"),
    ("exp", str(given["claims"]["exp"])),
    ("exp", -1),
    ("nbf", given["claims"]["exp"]),
    ("scope", ["risk:read"]),
    ("admin", True),
):
    hostile[f"{claim} {value!r}"] = minted(plain_header, with_claims(**{claim: value}))
hostile["no claims"] = minted(plain_header, "{}")
hostile["claims in a list"] = minted(plain_header, f"[{claims}]")
hostile["claims in text"] = minted(plain_header, json.dumps(claims))
hostile["claims and more"] = minted(plain_header, claims + "{}")
hostile["deep claims"] = minted(plain_header, "[" * 2000 + "]" * 2000)
hostile["1 MB of a claim"] = minted(plain_header, with_claims(jti="x" * 1_000_000))
hostile["1 MB of spaces"] = minted(plain_header, claims + " " * 1_000_000)
hostile["1 MB of a header"] = minted(header(kid=kid + "x" * 1_000_000))

sealed = jwe.JWE(claims, json.dumps({"alg": "dir", "enc": "A256GCM", "typ": "at+jwt", "kid": kid}))
sealed.add_recipient(secret(b"k" * 32))
hostile["a JWE"] = sealed.serialize(compact=True)
nested = jwe.JWE(minted(plain_header), json.dumps({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}))
nested.add_recipient(secret(b"k" * 32))
hostile["our token in a JWE"] = nested.serialize(compact=True)
flat = jws.JWS(claims)
flat.add_signature(ours, None, json.dumps(plain_header))
hostile["flattened JSON"] = flat.serialize(compact=False)

keys = jwk.JWKSet.from_json(given["jwks"])
read = jwt.JWT(jwt=given["token"], key=keys, algs=["EdDSA"], check_claims={"aud": None, "iss": None, "exp": None, "jti": None})
json.dump(
    {"plain": minted(plain_header), "header": json.loads(read.header), "claims": json.loads(read.claims), "hostile": hostile},
    sys.stdout,
)
