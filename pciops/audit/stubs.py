"""What takes the place of pruned rows: signed, so that nobody else can say "that was pruned"."""

from __future__ import annotations

import hmac

from django.utils.crypto import salted_hmac

from pciops.audit.models import Stub


def sign(stub: Stub) -> str:
    """HMAC-SHA-256 over the stub with a key that only our SECRET_KEY gives."""
    fields = (
        *(stub.first_position, stub.last_position, stub.last_hash, stub.count),
        stub.pruned_at.isoformat(),
    )
    text = " ".join(str(field) for field in fields)
    return salted_hmac("pciops.audit.stub", text, algorithm="sha256").hexdigest()


def last() -> Stub | None:
    """The stub behind which the chain goes on."""
    return Stub.objects.order_by("-last_position").first()


def problem() -> str:
    """What is wrong with the stubs, which begin at row 1 and follow one another; "": nothing."""
    position = 0
    for stub in Stub.objects.order_by("last_position"):
        name = f"stub of rows {stub.first_position} to {stub.last_position}"
        if not hmac.compare_digest(sign(stub), stub.signature):
            return f"{name}: its signature is not of this PCIOPS_SECRET_KEY"
        if stub.first_position != position + 1 or stub.count != stub.last_position - position:
            return f"{name}: it does not follow row {position}"
        position = stub.last_position
    return ""
