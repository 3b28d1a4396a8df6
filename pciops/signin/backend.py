"""Sign-in at Keystone as an ordinary Django auth backend."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from pciops.keystone import client
from pciops.keystone.token import Token
from pciops.lib import retries
from pciops.signin import rights
from pciops.signin.models import Operator


class KeystoneBackend(BaseBackend):
    """An auth backend: password → unscoped token → the widest scope with a role → operator."""

    def authenticate(  # type: ignore[override]  # Django's stub has **kwargs, we name ours
        self, request: HttpRequest, *, name: str, password: str, domain: str, **_: Any
    ) -> Operator:
        """Return the operator of this name, with the token and the rights of this sign-in.

        Raises:
            client.KeystoneError: as `client.authenticate`.
            rights.NoRoleError
        """
        return self.operator(client.authenticate(name, password, domain))

    def operator(self, unscoped: Token) -> Operator:
        """Return the holder of a token, or raise NoRoleError or UnreachableError."""
        choices = rights.choices(unscoped)
        if not choices:
            raise rights.NoRoleError
        (token, held), *others = choices
        values = {
            "name": token.user_name,
            "domain_id": token.user_domain_id,
            "domain_name": token.user_domain_name,
        }
        operator, _created = retries.run(
            lambda: Operator.objects.update_or_create(id=token.user_id, defaults=values),
            idempotent=True,
        )
        operator.token, operator.rights, operator.choices = token, held, others
        return operator

    def get_user(self, user_id: str) -> Operator | None:
        return Operator.objects.filter(pk=user_id).first()


class SecondFactorBackend(KeystoneBackend):
    """An auth backend: receipt of a right password and TOTP code → unscoped token → as above."""

    def authenticate(  # type: ignore[override]  # Django's stub has **kwargs, we name ours
        self, request: HttpRequest, *, receipt: str, user_id: str, passcode: str, **_: Any
    ) -> Operator:
        """Return the operator of this receipt.

        Raises:
            client.KeystoneError: as `client.second_factor`.
            rights.NoRoleError
        """
        return self.operator(client.second_factor(receipt, user_id, passcode))
