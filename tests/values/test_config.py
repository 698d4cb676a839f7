"""The configuration: defaults, rules, and what it is read from."""

import copy
import json
import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic import utils
from triosanic.config import DEFAULT_CONFIG, Config, DetailedConverter, str_to_bool
from triosanic.exceptions import LoadFileException, PyFileError
from triosanic.helpers import _default

# http-rules section 0.
BOUNDS = {
    "REQUEST_HEAD_TIMEOUT": 10,
    "REQUEST_TIMEOUT": 60,
    "BODY_MIN_RATE": 240,
    "BODY_MIN_RATE_GRACE": 5,
    "RESPONSE_TIMEOUT": 60,
    "WRITE_TIMEOUT": 60,
    "KEEP_ALIVE_TIMEOUT": 120,
    "TLS_HANDSHAKE_TIMEOUT": 10,
    "LINGER_TIMEOUT": 2,
    "LINGER_SIZE": 1_048_576,
    "GRACEFUL_SHUTDOWN_TIMEOUT": 15,
    "REQUEST_MAX_URL_SIZE": 8192,
    "REQUEST_MAX_HEADER_SIZE": 16_384,
    "REQUEST_MAX_HEADERS": 100,
    "REQUEST_MAX_TRAILER_SIZE": 8192,
    "REQUEST_MAX_SIZE": 100_000_000,
    "REQUEST_BUFFER_SIZE": 65_536,
    "RESPONSE_HIGH_WATER": 65_536,
    "RESPONSE_BUFFER_LIMIT": 16_777_216,
    "MAX_CONNECTIONS": None,
    "HALF_CLOSED_CLIENTS": "cancel",
}
# sanic-api 1.3, where it is not overruled.
SANICS = {
    "ACCESS_LOG": False,
    "AUTO_EXTEND": True,
    "AUTO_RELOAD": False,
    "EVENT_AUTOREGISTER": False,
    "DEPRECATION_FILTER": "once",
    "FALLBACK_ERROR_FORMAT": "auto",
    "FORWARDED_FOR_HEADER": "X-Forwarded-For",
    "FORWARDED_SECRET": None,
    "GRACEFUL_TCP_CLOSE_TIMEOUT": 5.0,
    "INSPECTOR": False,
    "INSPECTOR_HOST": "localhost",
    "INSPECTOR_PORT": 6457,
    "INSPECTOR_TLS_KEY": _default,
    "INSPECTOR_TLS_CERT": _default,
    "INSPECTOR_API_KEY": "",
    "KEEP_ALIVE": True,
    "TLS_CERT_PASSWORD": "",
    "WEBSOCKET_MAX_SIZE": 1_048_576,
    "LOCAL_CERT_CREATOR": "AUTO",
    "LOCAL_TLS_KEY": _default,
    "LOCAL_TLS_CERT": _default,
    "LOCALHOST": "localhost",
    "LOG_EXTRA": _default,
    "MOTD": True,
    "MOTD_DISPLAY": {},
    "NO_COLOR": False,
    "NOISY_EXCEPTIONS": False,
    "PROXIES_COUNT": None,
    "REAL_IP_HEADER": None,
    "REQUEST_ID_HEADER": "X-Request-ID",
    "TOUCHUP": _default,
    "USE_UVLOOP": _default,
    "WEBSOCKET_PING_INTERVAL": 20,
    "WEBSOCKET_PING_TIMEOUT": 20,
}
OURS = {
    "REQUEST_MAX_FORM_PARTS": 128,
    "REQUEST_MAX_FORM_FIELDS": 1000,
    "REQUEST_MAX_FORM_SIZE": 1_048_576,
    "REQUEST_MAX_RATIO": 100,
    "RESPONSE_COMPRESSION": False,
    "LOG_FORMAT": "text",
    "RESPONSE_COMPRESSION_MIN_SIZE": 1024,
    "APP_TASK_FAILURE": "log",
    "WEBSOCKET_CLOSE_TIMEOUT": 10,
    "WEBSOCKET_COMPRESSION": False,
    "WEBSOCKET_MAX_RATIO": 25,
}


class Settings:
    """What programs pass to ``load``."""

    lower = "not taken"
    VALUE = "taken"

    @property
    def COMPUTED(self) -> str:
        return self.VALUE


class Answer:
    """A converter as Sanic's guide has it."""

    def __init__(self, text: str) -> None:
        self.number = int(text)


@pytest.fixture
def config() -> Config:
    return Config(env_prefix=None)


def test_the_defaults() -> None:
    """http-rules section 0; sanic-api 1.3."""
    assert dict(Config(env_prefix=None)) == {**BOUNDS, **SANICS, **OURS}


def test_every_key_has_a_type_and_every_type_a_key() -> None:
    """``SERVER_NAME`` is absent until it is set, as in Sanic."""
    typed = {name for name in get_type_hints(Config) if name.isupper()}
    assert typed == {*DEFAULT_CONFIG, "SERVER_NAME"}


def test_items_and_attributes_are_the_same(config: Config) -> None:
    config.VALUE = 1
    config["OTHER"] = 2
    assert (config["VALUE"], config.OTHER) == (1, 2)
    del config["VALUE"], config.OTHER
    assert "VALUE" not in config
    assert "OTHER" not in config


def test_it_is_a_dict(config: Config) -> None:
    """As Sanic's: extensions ask for that, and json writes nothing else."""
    assert isinstance(config, dict)
    config.VALUE = 1
    assert json.loads(json.dumps(config, default=str))["VALUE"] == 1
    assert (config | {"VALUE": 2})["VALUE"] == 2
    copied = copy.deepcopy(config)
    copied["VALUE"] = 3
    assert (copied.VALUE, config.VALUE) == (3, 1)


@pytest.mark.parametrize(
    "set_keep_alive",
    [
        lambda config, value: config.update(KEEP_ALIVE=value),
        lambda config, value: config.update({"KEEP_ALIVE": value}),
        lambda config, value: config.__ior__({"KEEP_ALIVE": value}),
        lambda config, value: (config.pop("KEEP_ALIVE"), config.setdefault("KEEP_ALIVE", value)),
    ],
    ids=["keyword", "mapping", "operator", "default"],
)
def test_each_way_of_setting_a_key_is_checked(
    config: Config, set_keep_alive: Callable[[Config, object], object]
) -> None:
    set_keep_alive(config, False)
    assert config.KEEP_ALIVE is False
    with pytest.raises(ValueError, match="must be True or False"):
        set_keep_alive(config, "yes")


def test_the_loaders_of_2017(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sanic 0.5: ``from_object``, ``from_pyfile`` and ``from_envvar``."""
    path = tmp_path / "settings.py"
    path.write_text("VALUE = 1")
    config.from_pyfile(str(path))
    config.from_object(SimpleNamespace(OTHER=2))
    assert (config.VALUE, config.OTHER) == (1, 2)
    path.write_text("VALUE = 3")
    monkeypatch.setenv("SETTINGS", str(path))
    config.from_envvar("SETTINGS")
    assert config.VALUE == 3
    with pytest.raises(LoadFileException, match="not set: NONE_SUCH"):
        config.from_envvar("NONE_SUCH")


def test_an_unknown_attribute_is_named(config: Config) -> None:
    """Sanic's words."""
    with pytest.raises(AttributeError, match=r"^Config has no 'NON_EXISTENT'$"):
        _ = config.NON_EXISTENT
    with pytest.raises(AttributeError, match=r"^Config has no 'SERVER_NAME'$"):
        _ = config.SERVER_NAME
    assert config.get("SERVER_NAME") is None


def test_configurations_share_nothing(config: Config) -> None:
    """Sanic programs add to ``MOTD_DISPLAY`` in place."""
    config.MOTD_DISPLAY["a"] = "b"
    assert Config(env_prefix=None).MOTD_DISPLAY == {}
    assert Config(config, env_prefix=None).MOTD_DISPLAY is not config.MOTD_DISPLAY
    copied = copy.copy(config)
    copied.KEEP_ALIVE = False
    assert config.KEEP_ALIVE


def test_a_configuration_can_be_sent_to_a_process(config: Config) -> None:
    config.VALUE = 1
    assert dict(pickle.loads(pickle.dumps(config))) == dict(config)


def test_the_repr_hides_values(config: Config) -> None:
    """A repr ends up in logs, and some values are secrets."""
    config.FORWARDED_SECRET = "hush"
    config.VALUE = "hush"
    assert "hush" not in repr(config)
    assert repr(config).endswith("not at their defaults: FORWARDED_SECRET, VALUE>")


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("REQUEST_TIMEOUT", -1, "a number of seconds, 0 or more (inf for no limit)"),
        ("RESPONSE_TIMEOUT", math.nan, "a number of seconds, 0 or more (inf for no limit)"),
        ("KEEP_ALIVE_TIMEOUT", "5", "a number of seconds, 0 or more (inf for no limit)"),
        ("WRITE_TIMEOUT", True, "a number of seconds, 0 or more (inf for no limit)"),
        ("REQUEST_MAX_SIZE", -1, "a whole number of bytes, 0 or more"),
        ("REQUEST_MAX_RATIO", 0.9, "a ratio, 1 or more (inf for no limit)"),
        ("REQUEST_MAX_SIZE", 1.5, "a whole number of bytes, 0 or more"),
        ("REQUEST_BUFFER_SIZE", 0, "a whole number of bytes, 1 or more"),
        ("BODY_MIN_RATE", -1, "a number of bytes a second, 0 or more"),
        ("MAX_CONNECTIONS", 0, "a whole number, 1 or more, or None"),
        ("PROXIES_COUNT", -1, "a whole number, 0 or more, or None"),
        ("INSPECTOR_PORT", 65_536, "a port, 0 to 65535"),
        ("KEEP_ALIVE", "yes", "True or False"),
        ("REAL_IP_HEADER", 1, "a string, the name of a header, or None"),
        ("LOCAL_TLS_KEY", 1, "a path"),
        ("MOTD_DISPLAY", [], "a mapping"),
        ("HALF_CLOSED_CLIENTS", "linger", "one of 'cancel', 'finish'"),
        ("APP_TASK_FAILURE", [], "one of 'log', 'stop'"),
        ("FALLBACK_ERROR_FORMAT", "xml", "one of 'auto', 'html', 'json', 'text'"),
        ("LOCAL_CERT_CREATOR", "acme", "one of 'AUTO', 'TRUSTME', 'MKCERT', in either case"),
    ],
)
def test_a_wrong_value_is_refused_with_the_rule(config: Config, key: str, value: object, rule: str) -> None:
    before = dict(config)
    with pytest.raises(ValueError) as caught:
        config[key] = value
    assert str(caught.value) == f"config.{key} must be {rule}, not {value!r}"
    assert dict(config) == before


def test_a_key_cannot_hide_a_method(config: Config) -> None:
    with pytest.raises(ValueError, match=r"config\.update is a method"):
        config["update"] = 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("REQUEST_TIMEOUT", math.inf),
        ("REQUEST_TIMEOUT", 0),
        ("KEEP_ALIVE", 0),
        ("MAX_CONNECTIONS", 1),
        ("LOCAL_CERT_CREATOR", "mkcert"),
        ("LOCAL_TLS_KEY", Path("/key")),
        ("WEBSOCKET_PING_INTERVAL", None),
        ("SERVER_NAME", "example.com"),
        ("anything", object),
    ],
)
def test_a_fitting_value_is_kept_as_it_is(config: Config, key: str, value: object) -> None:
    config.update({key: value})
    assert config[key] is value


@pytest.mark.parametrize(
    "way",
    [
        lambda config: setattr(config, "KEEP_ALIVE", "x"),
        lambda config: config.update({"KEEP_ALIVE": "x"}),
        lambda config: config.update(KEEP_ALIVE="x"),
        lambda config: config.load({"KEEP_ALIVE": "x"}),
        lambda config: Config({**config, "KEEP_ALIVE": "x"}),
    ],
    ids=["attribute", "update", "keyword", "load", "defaults"],
)
def test_no_way_leads_around_the_rules(config: Config, way: Callable[[Config], object]) -> None:
    with pytest.raises(ValueError, match="KEEP_ALIVE"):
        way(config)


@pytest.mark.parametrize(
    ("text", "value"),
    [("42", 42), ("-2.5", -2.5), ("Yes", True), ("off", False), ("word", "word"), ("", "")],
)
def test_the_environment_is_cast(monkeypatch: pytest.MonkeyPatch, text: str, value: object) -> None:
    """Sanic: int, float, bool, str, in this order."""
    monkeypatch.setenv("SANIC_TEST_ANSWER", text)
    loaded = Config().TEST_ANSWER
    assert loaded == value
    assert type(loaded) is type(value)


def test_a_key_that_is_text_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a cast breaks the rule of the key, the next is tried: a secret may be digits."""
    monkeypatch.setenv("SANIC_FORWARDED_SECRET", "0123")
    assert Config().FORWARDED_SECRET == "0123"


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANIC_REQUEST_TIMEOUT", "-1")
    with pytest.raises(ValueError, match=r"SANIC_REQUEST_TIMEOUT .*config.REQUEST_TIMEOUT must be .*'-1'"):
        Config()


@pytest.mark.parametrize(("prefix", "key"), [("MYAPP_", "A"), (None, None), ("", None)])
def test_the_prefix_chooses(monkeypatch: pytest.MonkeyPatch, prefix: str | None, key: str | None) -> None:
    monkeypatch.setenv("SANIC_B", "1")
    monkeypatch.setenv("MYAPP_A", "1")
    monkeypatch.setenv("MYAPP_lower", "1")
    assert set(Config(env_prefix=prefix)) - {*DEFAULT_CONFIG} == ({key} if key else set())


def test_the_environment_counts_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sanic: defaults, then the argument, then the environment."""
    monkeypatch.setenv("SANIC_REQUEST_MAX_SIZE", "2")
    config = Config({"REQUEST_MAX_SIZE": 1, "KEEP_ALIVE": True, "OWN": 3}, keep_alive=False)
    assert (config.REQUEST_MAX_SIZE, config.KEEP_ALIVE, config.OWN) == (2, False, 3)


def test_a_converter_comes_before_the_casts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sanic's guide; keys with a rule are not harmed by it."""
    monkeypatch.setenv("SANIC_TEST_ANSWER", "42")
    monkeypatch.setenv("SANIC_REQUEST_TIMEOUT", "42")
    config = Config(converters=[Answer])
    assert isinstance(config.TEST_ANSWER, Answer)
    assert config.REQUEST_TIMEOUT == 42


def test_a_detailed_converter_sees_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sanic 24.12."""

    class Detailed(DetailedConverter):
        def __call__(
            self, full_key: str, config_key: str, value: str, defaults: Mapping[str, object]
        ) -> object:
            return full_key, config_key, value, defaults["OWN"], defaults["MOTD"]

    monkeypatch.setenv("SANIC_A", "x")
    config = Config({"OWN": 1}, converters=[Detailed()])
    assert config.A == ("SANIC_A", "A", "x", 1, True)


def test_a_converter_is_added_once(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    """Sanic's words."""
    config.register_type(Answer)
    config.register_type(Answer)
    text = "Configuration value converter 'Answer' has already been registered"
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("sanic.error", text)]


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ({"VALUE": "taken", "lower": 1}, {"VALUE"}),
        (Settings(), {"VALUE", "COMPUTED"}),
        (SimpleNamespace(VALUE="taken", lower=1), {"VALUE"}),
        (type("Sub", (Settings,), {"COMPUTED": 1}), {"VALUE", "COMPUTED"}),
    ],
    ids=["dict", "object", "namespace", "class"],
)
def test_load_takes_upper_case(config: Config, source: object, taken: set[str]) -> None:
    """Sanic 25.12 ``update_config``."""
    config.load(source)
    assert set(config) - {*DEFAULT_CONFIG} == taken
    assert config.VALUE == "taken"


def test_load_takes_a_dotted_name(config: Config) -> None:
    config.load("triosanic.config.Config")
    assert config.KEEP_ALIVE is True
    config.load("triosanic.config")
    assert config.SANIC_PREFIX == "SANIC_"
    with pytest.raises(ImportError):
        config.load("triosanic.config.Config.test")


@pytest.mark.parametrize("kind", [str, Path, lambda path: str(path).encode()], ids=["str", "Path", "bytes"])
def test_load_runs_a_file(config: Config, tmp_path: Path, kind: type) -> None:
    file = tmp_path / "settings.py"
    file.write_text("VALUE = 'some value'\nlower = 1\nif lower == 1:\n    CONDITIONAL = __file__\n")
    config.load(kind(file))
    assert set(config) - {*DEFAULT_CONFIG} == {"VALUE", "CONDITIONAL"}
    assert str(file) == config.CONDITIONAL


def test_load_expands_the_environment(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sanic's guide: ``${NAME}``, and a file without ``.py`` too."""
    (tmp_path / "settings").write_text("VALUE = 1\n")
    monkeypatch.setenv("APP_DIR", str(tmp_path))
    monkeypatch.setenv("APP_FILE", "settings")
    config.load("${APP_DIR}/${APP_FILE}")
    assert config.VALUE == 1


def test_load_names_variables_that_are_not_set(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOPE_B", raising=False)
    monkeypatch.delenv("NOPE_A", raising=False)
    with pytest.raises(LoadFileException, match="NOPE_A, NOPE_B"):
        config.load("${NOPE_B}/${NOPE_A}")


@pytest.mark.parametrize("name", ["no such file", "no/such/file", "nosuchfile.py"])
def test_load_of_a_missing_file_is_an_oserror(config: Config, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        config.load(name)


@pytest.mark.parametrize("source", ["VALUE = some value", "1/0", "open('/no/such/file')"])
def test_a_file_that_fails_says_so(config: Config, tmp_path: Path, source: str) -> None:
    file = tmp_path / "settings.py"
    file.write_text(source)
    with pytest.raises(PyFileError, match=r"could not execute config file .*settings\.py") as caught:
        config.load(file)
    assert caught.value.__cause__ is not None


def test_update_takes_pairs_and_keywords(config: Config) -> None:
    """A mapping's ``update``; lower case is taken here."""
    config.update([("FOO", 4)], bar=5)
    assert (config.FOO, config.bar) == (4, 5)


@given(st.text(max_size=8) | st.sampled_from(["yes", "NO", "Enabled", "f", "0", "İ"]))
def test_a_truth_value_is_one_of_sanics_words(text: str) -> None:
    yes = ["y", "yes", "yep", "yup", "t", "true", "on", "enable", "enabled", "1"]
    no = ["n", "no", "f", "nope", "false", "off", "disable", "disabled", "0"]
    if text.lower() in yes + no:
        assert str_to_bool(text) == (text.lower() in yes)
    else:
        with pytest.raises(ValueError, match="truth value"):
            str_to_bool(text)


def test_a_file_of_python_as_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sanic 25.12 ``utils.load_module_from_file_location``."""
    (tmp_path / "settings.py").write_text("HOST = 'db'\n")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    module: Any = utils.load_module_from_file_location(b"${FOLDER}/settings.py")
    assert (module.__name__, module.HOST) == ("config", "db")
    assert utils.load_module_from_file_location("os.path.sep") == "/"


def test_a_subclass_has_its_own_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sanic 25.12, but for the environment, which counts less there."""

    class Ours(Config):
        NAME = "ours"
        REQUEST_MAX_SIZE = 1234

    config = Ours()
    assert (config.NAME, config.REQUEST_MAX_SIZE, config["REQUEST_MAX_SIZE"]) == ("ours", 1234, 1234)
    monkeypatch.setenv("SANIC_REQUEST_MAX_SIZE", "5")
    assert Ours().REQUEST_MAX_SIZE == 5
    assert DEFAULT_CONFIG["REQUEST_MAX_SIZE"] == Config(env_prefix=None).REQUEST_MAX_SIZE


def test_what_a_subclass_has_is_checked() -> None:
    class Wrong(Config):
        REQUEST_MAX_SIZE: Any = "much"

    with pytest.raises(ValueError, match="REQUEST_MAX_SIZE must be"):
        Wrong(env_prefix=None)
