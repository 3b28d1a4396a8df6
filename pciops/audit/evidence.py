"""The evidence key: an Ed25519 key outside of the database, and what it signs.

It signs anchors as notes (C2SP signed-note), and seals rows. Nobody who can only write to the
database can do either. docs/audit.md says how to verify a note without pciops.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

ED25519: Final = b"\x01"  # the type of the signature, in a signed note
ID_BYTES: Final = 4
_SIGNATURE_LINE: Final = re.compile(r"— (\S+) (\S+)\n")


class EvidenceKeyError(Exception):
    """The key file cannot be read or created."""


class UnsignedError(Exception):
    """Text without a valid signature of a known key; the message is the reason."""


@dataclass(frozen=True)
class Verifier:
    """A public key with its name: `name+id+key`, as a signed note has it."""

    name: str
    key: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """The first bytes of the hash of name and key."""
        text = self.name.encode() + b"\n" + ED25519 + self.key.public_bytes_raw()
        return hashlib.sha256(text).digest()[:ID_BYTES]

    def __str__(self) -> str:
        key = base64.b64encode(ED25519 + self.key.public_bytes_raw()).decode()
        return f"{self.name}+{self.id.hex()}+{key}"

    @property
    def pem(self) -> str:
        """The public key as `openssl` reads it."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @classmethod
    def parse(cls, line: str) -> Verifier:
        """Return the key of a line.

        Raises:
            EvidenceKeyError
        """
        try:
            name, _, key = line.split("+", 2)
            raw = base64.b64decode(key, validate=True)
            made = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        except ValueError as error:
            raise EvidenceKeyError(f"{line[:80]!r} is not a public key") from error
        if str(made) != line:
            raise EvidenceKeyError(f"{line[:80]!r} does not have the id of its key")
        return made


@dataclass(frozen=True)
class Keys:
    """The private key, and the public keys of it and of those before it."""

    private: Ed25519PrivateKey
    signer: Verifier
    verifiers: dict[bytes, Verifier]

    def sign(self, text: str) -> str:
        """Return id and signature in base64."""
        return base64.b64encode(self.signer.id + self.private.sign(text.encode())).decode()

    def verify(self, text: str, signature: str) -> None:
        """Check a signature of any of the keys.

        Raises:
            UnsignedError
        """
        verifier, raw = self.verifier_of(signature)
        try:
            verifier.key.verify(raw, text.encode())
        except InvalidSignature:
            raise UnsignedError("its signature is wrong") from None

    def verifier_of(self, signature: str) -> tuple[Verifier, bytes]:
        """Return the key that a signature names, and the signature without the key's id.

        Raises:
            UnsignedError
        """
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            raise UnsignedError("its signature cannot be read") from None
        verifier = self.verifiers.get(raw[:ID_BYTES])
        if verifier is None:
            raise UnsignedError(f"its key {raw[:ID_BYTES].hex()} is not among the evidence keys")
        return verifier, raw[ID_BYTES:]


# --- Files --------------------------------------------------------------------------------------
def key_file() -> Path:
    """Return the file of the private key; the file of the public keys is beside it."""
    return Path(settings.EVIDENCE_KEY_FILE)


def public_file() -> Path:
    """Return the file of the public keys, one in a line, the newest last."""
    path = key_file()
    return path.with_name(f"{path.name}.pub")


def keys() -> Keys:
    """Return the keys; the first call on a machine creates the private one.

    Raises:
        EvidenceKeyError
    """
    path, public = key_file(), public_file()
    try:
        if not path.exists():
            _create(path)
        return _read(path, public, _version(path), _version(public))
    except OSError as error:
        problem = f"PCIOPS_EVIDENCE_KEY_FILE {path} cannot be used ({error.strerror})"
        raise EvidenceKeyError(problem) from error


def rotate() -> tuple[Verifier, Verifier]:
    """Replace the private key, and return the public keys of the old and the new one.

    The old public key stays: what it signed can still be verified. Processes that run use the
    new key at once.

    Raises:
        EvidenceKeyError
    """
    old = keys().signer
    path = key_file()
    try:
        os.replace(_draft(path), path)
    except OSError as error:
        raise EvidenceKeyError(f"{path} cannot be replaced ({error.strerror})") from error
    return old, keys().signer


def _version(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_ino


@lru_cache(maxsize=4)
def _read(path: Path, public: Path, *_versions: tuple[int, int]) -> Keys:
    """Return the keys of these files; they are read again when they change."""
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except ValueError as error:
        raise EvidenceKeyError(f"{path} is not a private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise EvidenceKeyError(f"{path} is not an Ed25519 key")
    lines = public.read_text(encoding="utf-8").split() if public.exists() else []
    verifiers = [Verifier.parse(line) for line in lines]
    raw = private.public_key().public_bytes_raw()
    known = [verifier for verifier in verifiers if verifier.key.public_bytes_raw() == raw]
    if not known:
        known = [Verifier(_name(), private.public_key())]
        with public.open("a", encoding="utf-8") as file:
            file.write(f"{known[0]}\n")
    signer = known[-1]
    return Keys(private, signer, {verifier.id: verifier for verifier in (*verifiers, signer)})


def _name() -> str:
    """Return a name of this cloud's key, without white space and plus signs."""
    cloud = re.sub(r"[^A-Za-z0-9.-]+", "-", settings.CLOUD_NAME).strip("-")
    return f"pciops/{cloud or 'cloud'}"


def _draft(path: Path) -> Path:
    """Write a new private key to a file beside the path, readable only by its owner."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    key = Ed25519PrivateKey.generate()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return Path(draft)


def _create(path: Path) -> None:
    """Create the private key by a hard link: it appears complete, and one process succeeds."""
    draft = _draft(path)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster, and its key is kept
    finally:
        draft.unlink()


# --- Seals --------------------------------------------------------------------------------------
def seal(kind: str, text: str) -> str:
    """Return the signature of a row.

    Raises:
        EvidenceKeyError
    """
    return keys().sign(f"pciops {kind}\n{text}\n")


def check_seal(kind: str, text: str, signature: str) -> None:
    """Check the signature of a row.

    Raises:
        UnsignedError, EvidenceKeyError
    """
    keys().verify(f"pciops {kind}\n{text}\n", signature)


# --- Notes --------------------------------------------------------------------------------------
def sign_note(text: str) -> str:
    """Return the text, which ends with a newline, as a signed note.

    Raises:
        EvidenceKeyError
    """
    signer = keys()
    return f"{text}\n— {signer.signer.name} {signer.sign(text)}\n"


def open_note(note: str) -> str:
    """Return the text of a note that a known key has signed.

    Raises:
        UnsignedError, EvidenceKeyError
    """
    text, separator, signatures = note.rpartition("\n\n")
    match = _SIGNATURE_LINE.fullmatch(signatures)
    if not separator or match is None:
        raise UnsignedError("it is not a signed note")
    keys().verify(f"{text}\n", match[2])
    return f"{text}\n"


def split_notes(text: str) -> list[str]:
    """Return the notes of a text that has one after the other."""
    notes = re.findall(r"(?:[^\n]+\n)+\n— \S+ \S+\n", text)
    return [str(note) for note in notes]
