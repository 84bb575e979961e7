"""Files of jobs as programs and editors write them: jobs are read, other content is named by its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.job_files import JobRead, UnreadableError, read_jobs

RENEW = b'{"kind": "permit.renew"}'
JOB = {"kind": "permit.renew"}


def told(content: bytes) -> list[dict[str, object] | str]:
    return [str(one) if isinstance(one, UnreadableError) else one.fields for one in read_jobs(content)]


@pytest.mark.parametrize(
    "content",
    [
        RENEW, b"\xef\xbb\xbf" + RENEW, b"\n\n" + RENEW + b"\n", b"[" + RENEW + b"]", b" \r\n[\n" + RENEW + b"\n]\n",
        b"\xef\xbb\xbf[" + RENEW + b"]", b'{\n  "kind": "permit.renew"\n}\n', RENEW + b"\r\n",
    ],
)  # fmt: skip
def test_a_single_job_is_read_in_every_layout(content: bytes) -> None:
    assert told(content) == [JOB]


@pytest.mark.parametrize(
    "content",
    [
        RENEW + b"\n" + RENEW, RENEW + b"\n" + RENEW + b"\n", RENEW + b"\r\n" + RENEW + b"\r\n",
        b"\xef\xbb\xbf" + RENEW + b"\n\n \n" + RENEW,
        b"\xef\xbb\xbf" + RENEW + b"\n\xef\xbb\xbf" + RENEW + b"\n\xef\xbb\xbf",
    ],
)  # fmt: skip
def test_one_job_on_each_line_is_read_with_any_end_of_the_last_line(content: bytes) -> None:
    assert told(content) == [JOB, JOB]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_only_a_line_feed_ends_a_line(mark: str) -> None:
    line = json.dumps({"kind": "permit.decide", "reason": f"a{mark}b"}, ensure_ascii=False).encode()
    assert told(line + b"\n" + line) == [{"kind": "permit.decide", "reason": f"a{mark}b"}] * 2


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"EF-367-QS", "line 2 is not JSON"),
        (b'{"kind": "permit.renew"', "line 2 is not JSON"),
        (b'{"kind": "permit.renew"}{}', "line 2 is not JSON"),
        (b'{"kind": "\x00"}', "line 2 is not JSON"),
        (b"\x00", "line 2 is not JSON"),
        (b'{"kind": ' + b"1" * 5_000 + b"}", "line 2 is not JSON"),
        (b'{"kind": "\xff"}', "line 2 is not UTF-8"),
        (b'{"kind": "\xed\xa0\x80"}', "line 2 is not UTF-8"),
        (b"[" * 100_000, "line 2 is nested too deep"),
        (b'{"kind":' * 100_000, "line 2 is nested too deep"),
        (b"17", "line 2 is not an object with a kind"),
        (b"null", "line 2 is not an object with a kind"),
        (b"[" + RENEW + b"]", "line 2 is not an object with a kind"),
        (b'{"kind": ["permit.renew"]}', "line 2 is not an object with a kind"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else "",
)
def test_a_line_that_is_no_job_gets_an_error_and_the_others_are_read(line: bytes, complaint: str) -> None:
    assert told(b"\n".join([RENEW, line, RENEW])) == [JOB, complaint, JOB]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it holds no job"),
        (b"\xef\xbb\xbf", "it holds no job"),
        (b" \r\n\n", "it holds no job"),
        (b" [ ]\n", "it holds no job"),
        (json.dumps(JOB).encode("utf-16"), "it is UTF-16 or UTF-32: save it as UTF-8"),
        (b"\xfe\xff" + json.dumps(JOB).encode("utf-16-be"), "it is UTF-16 or UTF-32: save it as UTF-8"),
        (json.dumps(JOB).encode("utf-32"), "it is UTF-16 or UTF-32: save it as UTF-8"),
        (b"[\n" + RENEW + b",\n" + RENEW + b"\n", "the list is not JSON at line 4"),
        (b'[{"kind": "\xff"}]', "the list is not UTF-8"),
        (b"[" * 100_000, "the list is nested too deep"),
    ],
)  # fmt: skip
def test_an_unreadable_file_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(UnreadableError, match=f"^{complaint}$"):
        read_jobs(content)


def test_an_item_of_a_list_that_is_no_job_is_named_by_its_number() -> None:
    assert told(b"[" + RENEW + b", 17]") == [JOB, "job 2 is not an object with a kind"]


@given(content=st.binary() | st.lists(st.sampled_from([RENEW, b"\n", b"[", b"]", b"\r", b"\x00", b"{"])).map(b"".join))
def test_any_bytes_give_jobs_or_an_unreadable_error(content: bytes) -> None:
    try:
        found = read_jobs(content)
    except UnreadableError:
        return
    assert found
    assert all(isinstance(one, JobRead | UnreadableError) for one in found)
