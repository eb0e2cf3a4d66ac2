"""The answers given to batches with idempotency keys, kept so that a repeated batch gets the same again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

import orjson

from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.recording.operated import Operated
from gis_service.store import GridTransaction


def content_of(operations: Sequence[Operated]) -> str:
    """A digest of a batch: equal for equal content, whatever process took it."""
    written = [
        (
            one.id,
            one.open,
            None if one.at is None else rfc3339(one.at),
            one.reason,
            one.operator,
            one.idempotency_key,
        )
        for one in operations
    ]
    return hashlib.sha256(orjson.dumps(written)).hexdigest()


class Receipts:
    """Answers by key, within one transaction."""

    def __init__(self, write: GridTransaction) -> None:
        self._write = write

    def first_answer(self, operations: Sequence[Operated], counties: Collection[str]) -> Answer | None:
        """The answer that this very batch was given before, kept in one of these counties, or None."""
        keys = _keys(operations)
        text = self._write.find_answer(keys, content_of(operations), counties) if keys else None
        answer: Answer | None = None if text is None else orjson.loads(text)
        return answer

    def keep(self, operations: Sequence[Operated], answer: Answer, now: datetime) -> None:
        """Keep the answer of a batch, where a key can ask for it again."""
        keys = _keys(operations)
        counties = {
            told["idempotency_key"]: told["county_code"]
            for told in answer["operations"]
            if told["idempotency_key"] is not None
        }
        if keys:
            self._write.keep_answer(
                counties[keys[0]], keys[0], content_of(operations), orjson.dumps(answer).decode(), now
            )


def _keys(operations: Sequence[Operated]) -> list[str]:
    return [one.idempotency_key for one in operations if one.idempotency_key is not None]
