"""A valid credential for an account, usually without I/O."""

from app.accounts.pool import Pool
from app.clock import now_ms
from app.values import Candidate, Secret


class NoCredential(Exception):
    """The account has no usable credential now. The message says why and is safe to show."""


class Credentials:
    """Hands out the credentials of accounts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def secret(self, candidate: Candidate) -> Secret:
        """Return a credential that is valid now. Raises NoCredential."""
        state = self._pool.state(candidate.id)
        if state is None:
            raise NoCredential("the account was removed")
        secrets = state.secrets
        if secrets.fault is not None:
            raise NoCredential(secrets.fault)
        if secrets.api_key is not None:
            return Secret("api_key", secrets.api_key, secrets.generation)
        if secrets.access_token is not None and (secrets.expires_at is None or secrets.expires_at > now_ms()):
            return Secret("oauth", secrets.access_token, secrets.generation)
        raise NoCredential("it has no valid token")

    def renew(self, candidate: Candidate, refused: Secret) -> Secret:
        """Return another credential than the one that the upstream refused. Raises NoCredential."""
        secret = self.secret(candidate)
        if secret.value == refused.value:
            raise NoCredential("the upstream refused its credential")
        return secret
