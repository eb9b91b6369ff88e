"""Passwords: which may be chosen, and their Argon2id hashes. Each hash takes tens of milliseconds and 19 MB."""

import functools
import os
import unicodedata

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.errors import InvalidInput

MIN_CHARS = 8
MAX_CHARS = 128

# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html, seen 2026-11.
_MEMORY_KIB = 19456
_ITERATIONS = 2
_LANES = 1

_COMMON = frozenset(
    """
    00000000 11111111 1111111111 11223344 112233445566 12121212 123123123 1234qwer 12344321 12341234 12345678 123456789
    1234567890 12345678910 123456789a 12345679 123qweasd 147258369 147852369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2
    55555555 66666666 77777777 87654321 88888888 987654321 9876543210 99999999 a1234567 a12345678 a123456789 aa123456
    aaaaaaaa abc12345 abc123456 abcd1234 abcdefgh adminadmin admin123 admin1234 administrator alexander anthropic
    asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl baseball basketball blink182 butterfly ccflare1 ccflare123
    changeme changeme1 changeme123 charlie1 chocolate christian claude123 computer computer1 consumer corvette creative
    danielle default1 dictionary doctor12 dragon123 einstein elephant facebook fireball firebird football football1
    forever1 freedom1 garfield godzilla greenday hardcore hello123 hello1234 hellohello iloveyou iloveyou1 internet
    jennifer jessica1 jonathan jordan23 kawasaki letmein1 letmein123 liverpool login123 love1234 lovelove manchester
    marlboro master123 maverick mercedes metallica michael1 michelle microsoft midnight monkey123 mustang1 myspace1
    nicholas ninja123 nirvana1 p@55w0rd p@ssw0rd p@ssword pa55word pa55w0rd pass1234 passport passw0rd passw0rd1
    password password! password0 password1 password12 password123 password1234 passwort passwort1 patrick1 pokemon1
    princess princess1 qazwsx123 qazwsxedc q1w2e3r4 q1w2e3r4t5 qwer1234 qwerasdf qwert123 qwerty12 qwerty123
    qwerty1234 qwertyui qwertyuiop qwertzui qwertzuiop rainbow1 remember robert123 root1234 rootroot rush2112
    samantha samsung1 scorpion secret12 secret123 security september shadow12 simpsons slipknot snowball spiderman
    starwars startrek steelers stephanie sunflower sunshine sunshine1 superman superman1 superstar swordfish temp1234
    test1234 testtest testing1 thunder1 trustno1 undertaker user1234 victoria welcome1 welcome12 welcome123 whatever
    william1 wolverine xbox360x yankees1 zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123
    """.split()  # noqa: SIM905 - a list of words reads better as one
)
"""Those of at least eight characters that guessers try first."""


def check_password_rules(password: str, user_name: str) -> None:
    """Raise InvalidInput unless the password may be chosen. Length counts, composition does not (ASVS 5.0, V6)."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise InvalidInput.field("password", f"give {MIN_CHARS} to {MAX_CHARS} characters; 15 or more are better")
    folded = password.casefold()
    if folded in _COMMON or len(set(folded)) < 4:
        raise InvalidInput.field("password", "is one of those that are guessed first; take another one")
    if folded == user_name.casefold() or folded.strip("0123456789!") == user_name.casefold():
        raise InvalidInput.field("password", "is the name with little added; take another one")


def hash_password(password: str) -> str:
    """Return the PHC string of a password. Call off the event loop and outside a transaction."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return kdf.derive_phc_encoded(_bytes(password))


def is_password(password: str, phc: str | None) -> bool:
    """Whether a password is the one that was hashed. Without a hash the same work is done for nothing.

    Call off the event loop.
    """
    if len(password) > MAX_CHARS:
        return False
    try:
        Argon2id.verify_phc_encoded(_bytes(password), phc or _nobodys_hash())
    except InvalidKey:
        return False
    return phc is not None


@functools.cache
def _nobodys_hash() -> str:
    return hash_password(os.urandom(16).hex())


def _bytes(password: str) -> bytes:
    # The same password typed on another keyboard may arrive composed differently (NIST SP 800-63B 3.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
