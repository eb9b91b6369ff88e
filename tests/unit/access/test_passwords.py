"""Passwords and their hashes."""

import pytest

from app.access.passwords import check_password_rules, hash_password, is_password
from app.errors import InvalidInput

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("short7!", id="seven characters"),
        pytest.param("x" * 129, id="129 characters"),
        pytest.param("iloveyou", id="common"),
        pytest.param("PassW0rd1", id="common, in other letters"),
        pytest.param("aaaaaaaaaaaa", id="one character"),
        pytest.param("abababababab", id="two characters"),
        pytest.param("annemarie", id="the name"),
        pytest.param("AnneMarie1!", id="the name and a little"),
    ],
)
def test_weak_password_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(InvalidInput, match=r"^password: ") as refused:
        check_password_rules(password, "annemarie")
    assert password not in refused.value.message


@pytest.mark.parametrize("password", [GOOD, "8 chars!", "x1y2" * 32, "пароль-и-ещё", "🦆🦆🦢🦢🐸🐸🐝🐝"])
def test_long_enough_password_may_be_anything(password: str) -> None:
    check_password_rules(password, "ann")


def test_hash_is_argon2id_with_the_chosen_cost_and_a_salt() -> None:
    one, other = hash_password(GOOD), hash_password(GOOD)
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert is_password(GOOD, one)
    assert is_password(GOOD, other)


def test_another_password_is_not_it() -> None:
    phc = hash_password(GOOD)
    assert not is_password(GOOD + "x", phc)
    assert not is_password("", phc)
    assert not is_password("x" * 100_000, phc)


def test_no_password_fits_where_there_is_no_hash() -> None:
    assert not is_password(GOOD, None)


def test_password_fits_however_its_letters_were_composed() -> None:
    assert is_password("u\u0308ber-mu\u0308de", hash_password("über-müde"))
