"""Tests of environment variables that name a database."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib.databases import database, databases
from pciops.lib.env import SettingError
from tests.lib.test_env import WORDS

ENGINES = {
    "mysql": "mysql://pciops:secret@db.example:3306/keystone",
    "sqlite": "sqlite:////var/lib/keystone/keystone.db",
}


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (database, "keystone.db"),
        (database, "oracle://u:p@h/keystone"),
        (database, "mysql://u:p@h:port/keystone"),
        (database, "mysql://u:p@[h/keystone"),
        (database, "mysql://u:p@h/"),
        (databases, "mysql://u:p@one,two:port/keystone"),
        (databases, "mysql://u:p@one,/keystone"),
        (databases, "mysql://u:p@,two/keystone"),
        (databases, "mysql://u:p@one,two/"),
    ],
)
def test_invalid_value_is_an_error_with_the_name_and_an_example(
    monkeypatch: pytest.MonkeyPatch, reader: Callable[..., object], value: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)
    with pytest.raises(SettingError, match="^PCIOPS_X .* Example: PCIOPS_X=mysql://"):
        reader("PCIOPS_X", engines=ENGINES)


@pytest.mark.parametrize(
    ("address", "engine", "name"),
    [
        ("mysql://u:p@h:3306/keystone", "django.db.backends.mysql", "keystone"),
        ("mysql+pymysql://u:p@h/keystone?charset=utf8", "django.db.backends.mysql", "keystone"),
        ("mariadb+pymysql://u:p@h/keystone", "django.db.backends.mysql", "keystone"),
        ("sqlite:////var/lib/k.db", "django.db.backends.sqlite3", "/var/lib/k.db"),
        ("sqlite+pysqlite:////var/lib/k.db", "django.db.backends.sqlite3", "/var/lib/k.db"),
    ],
)
def test_database_url_can_be_as_in_keystone_conf(
    monkeypatch: pytest.MonkeyPatch, address: str, engine: str, name: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", address)
    config = database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert (config["ENGINE"], config["NAME"]) == (engine, name)


def test_database_url_in_a_file_can_have_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert database("PCIOPS_X", engines=ENGINES) is None
    url = "mysql+pymysql://u:p@h/keystone?charset=utf8mb4&ssl_ca=/ca.pem\n"
    (tmp_path / "url").write_text(url, encoding="utf-8")
    monkeypatch.setenv("PCIOPS_X_FILE", str(tmp_path / "url"))
    config = database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert config["HOST"] == "h"
    assert config["OPTIONS"] == {"charset": "utf8mb4", "ssl_ca": "/ca.pem"}


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("db.example", [("db.example", "")]),
        ("one:3307,two:3308", [("one", 3307), ("two", 3308)]),
        ("one,two:3308,three", [("one", ""), ("two", 3308), ("three", "")]),
        ("[2001:db8::1]:3307,[2001:db8::2]", [("2001:db8::1", 3307), ("2001:db8::2", "")]),
    ],
)
def test_database_url_can_name_several_hosts(
    monkeypatch: pytest.MonkeyPatch, hosts: str, expected: list[tuple[str, object]]
) -> None:
    monkeypatch.setenv("PCIOPS_X", f"mysql://u:p%2C%40@{hosts}/keystone?ssl_ca=/a,b.pem")
    configs = databases("PCIOPS_X", engines=ENGINES)

    assert [(config["HOST"], config["PORT"]) for config in configs] == expected
    for config in configs:
        assert (config["USER"], config["PASSWORD"], config["NAME"]) == ("u", "p,@", "keystone")
        assert config["OPTIONS"] == {"ssl_ca": "/a,b.pem"}


def test_path_of_a_database_file_can_have_a_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "sqlite:////var/a,b.db")
    [config] = databases("PCIOPS_X", engines=ENGINES)

    assert config["NAME"] == "/var/a,b.db"


@given(password=WORDS)
@settings(deadline=None)
def test_any_percent_encoded_password_is_valid(password: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        address = f"mysql+pymysql://pciops:{quote(password, safe='')}@h:3306/keystone"
        monkeypatch.setenv("PCIOPS_X", address)
        config = database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert config["PASSWORD"] == password


@given(password=st.text("#?/@:[]%\\ab", min_size=1, max_size=12))
@settings(deadline=None)
def test_wrongly_encoded_url_is_a_config_or_a_setting_error(password: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PCIOPS_X", f"mysql://u:{password}@h/keystone")
        with suppress(SettingError):
            assert database("PCIOPS_X", engines=ENGINES) is not None
            assert databases("PCIOPS_X", engines=ENGINES)


@pytest.mark.parametrize(
    "address",
    ["oracle://u:hunter2@h/k", "mysql://u:hunter2@h:port/k", "mysql://u:hunter2@[h/k"]
    + ["mysql://u:hunter2@h", "u:hunter2@h/k"],
)
def test_error_and_its_traceback_do_not_contain_the_password(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", address)
    with pytest.raises(SettingError) as raised:
        database("PCIOPS_X", engines=ENGINES)

    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
