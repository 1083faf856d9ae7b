"""A vendor's bill: what it says is read exactly, whatever it looks like, or refused with the number of the line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.amounts import PARTS, micros_of, parse_amount
from gateway.domain.bill_columns import BadBill, Wanted
from gateway.domain.bills import Bill, read_bill
from gateway.domain.money import AMOUNT_MICROS_MAX

SCALE = Decimal(PARTS * 1_000_000)
T0 = 1_795_219_200_000  # 2026-11-21


def read(text: str | bytes, wanted: Wanted | None = None, *, decimal_comma: bool | None = None) -> Bill:
    data = text if isinstance(text, bytes) else text.encode()
    return read_bill(io.BytesIO(data), wanted or Wanted(), decimal_comma=decimal_comma)


def sums(bill: Bill) -> dict[str, int]:
    return {name: job.micros for name, job in bill.jobs.items()}


# --- amounts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dollars"),
    [
        ("0.40", "0.40"),
        ("$1,234.56", "1234.56"),
        ("(1.20)", "-1.20"),
        ("($1,234.50)", "-1234.50"),
        ("-1.20", "-1.20"),
        ("\u22121.20", "-1.20"),
        ("-$1.20", "-1.20"),
        ("$-1.20", "-1.20"),
        ("+.5", "0.5"),
        ("5.", "5"),
        (" US$ 3 ", "3"),
        ("3.10 USD", "3.10"),
        ("USD\u00a03.10", "3.10"),
        ("1.2e-05", "0.000012"),
        ("12E2", "1200"),
        ("0.000000000001", "0.000000000001"),
        ("1,234,567", "1234567"),
        ("0", "0"),
        ("-0.00", "0"),
    ],
)
def test_an_amount_is_read_exactly(text: str, dollars: str) -> None:
    """To a millionth of a micro-dollar."""
    assert parse_amount(text) == int(Decimal(dollars) * SCALE)


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "$", "()", "abc", "NaN", "Infinity", "1.2.3", "1,20", "1,2345", "12,34.5", ",123", "--1", "(-1)",
        "-$-1", "(1", "1)", "1-", "€1.20", "1.20 EUR", "1e", "1e9999", "1e-13", "0.0000000000001", "0x10", "1_000",
        "\u0661", "9007199254.740992", "1e308", "9" * 65, "=1+1",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Rather than read as something else."""
    with pytest.raises(ValueError, match=r"amount|decimals|signs|more than"):
        parse_amount(text)


@given(st.decimals(-9_000_000_000, 9_000_000_000, places=12), st.sampled_from(("{:f}", "{:,f}", "${:,f}", "{:e}")))
@example(Decimal("0E-12"), "{:e}")
def test_amounts_survive_being_written(amount: Decimal, form: str) -> None:
    """However a program writes a decimal."""
    assert parse_amount(form.format(amount)) == int(amount * SCALE)


@given(st.integers(-(10**11), 10**11))
def test_a_decimal_comma_means_the_same(cents: int) -> None:
    """1.234,56 is 1,234.56, and 123456 cents."""
    pointed = f"{Decimal(cents) / 100:,f}"
    assert parse_amount(pointed.translate(str.maketrans(",.", ".,")), decimal_comma=True) == parse_amount(pointed)
    assert parse_amount(str(cents), places=2) == parse_amount(pointed)


@given(st.text(max_size=70))
def test_any_text_is_an_amount_or_a_refusal(text: str) -> None:
    """Nothing else happens, and no amount is more than the ledger can count."""
    try:
        parts = parse_amount(text)
    except ValueError:
        return
    assert abs(parts) <= AMOUNT_MICROS_MAX * PARTS


def test_parts_are_rounded_up() -> None:
    """As the charge that a vendor reports is when it is booked."""
    assert [micros_of(parts) for parts in (0, 1, PARTS, PARTS + 1, -1, -PARTS)] == [0, 1, 1, 2, 0, -1]


# --- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_common_form_reads_the_same(separator: str, end: str, mark: str) -> None:
    """Three separators, two ends of a line, with and without a byte order mark, quoted or not, empty lines or not."""
    rows = [
        ["Job ID", "Amount (USD)", "note"],
        ["a", "0.40", "x, y"],
        ["b", "$1,000.10", "z; z"],
        ["a", "-0.10", "\u00fc"],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    bill = read(mark + text.getvalue() + end)
    assert sums(bill) == {"a": 300_000, "b": 1_000_100_000}
    assert (bill.lines, bill.jobs["a"].lines, bill.jobs["a"].line, bill.jobs["b"].line) == (3, 2, 2, 3)


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
_AMOUNTS = st.decimals(-1_000, 1_000, places=7)


@given(st.lists(st.tuples(_NAMES, _AMOUNTS), min_size=1, max_size=30), st.sampled_from(",;\t"), st.booleans())
def test_lines_of_one_job_add_up(rows: list[tuple[str, Decimal]], separator: str, quoted: bool) -> None:
    """Exactly; only the sum is rounded."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([("job_id", "cost"), *rows])
    expected: dict[str, Decimal] = {}
    for name, amount in rows:
        expected[name] = expected.get(name, Decimal(0)) + amount
    assert sums(read(text.getvalue())) == {name: micros_of(int(amount * SCALE)) for name, amount in expected.items()}


@given(st.binary(max_size=300))
@example(b"id,amount\n")
@example(b'id,amount\n"x')
@example(b"id\r,amount\r1,2")
@example(b"\n")
def test_any_bytes_are_a_bill_or_a_refusal(data: bytes) -> None:
    """A refusal is one line of text, whatever the bytes hold."""
    for head in (b"", b"id,amount\nx,"):
        try:
            read(head + data)
        except BadBill as error:
            assert str(error).isprintable()


HEAD = "job_id,amount,currency,created_at\n"
GOOD = "a,1.00,USD,2026-11-21\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the names of the columns are missing"),
        (",", "line 1: the names of the columns are missing"),
        ("\n\n", "line 1: the names of the columns are missing"),
        (HEAD, "the bill has no lines"),
        (HEAD + GOOD + "b,1.00,USD\n", "line 3: it has 3 fields, the first line 4"),
        (HEAD + "\n\n" + GOOD + "b,x,USD,2026-11-21\n", "line 5: the amount is 'x'"),
        (HEAD + '"a\nb",1,USD,2026-11-21\n', "line 2: the job's id has characters"),
        (HEAD + '"a\n', "line 2: no CSV: "),
        (HEAD + " ,1,USD,2026-11-21\n", "line 2: the job's id is empty"),
        (HEAD + "j" * 513 + ",1,USD,2026-11-21\n", "line 2: the job's id has more than 512"),
        (HEAD + "a,1,EUR,2026-11-21\n", "line 2: it is in 'EUR'; only dollars"),
        (HEAD + "a,1,USD,11/21/2026\n", "line 2: '11/21/2026' is neither a date"),
        (HEAD + "a,1,USD,2026-02-30\n", "line 2: '2026-02-30' is neither a date"),
        (HEAD + "a,9007199254,USD,2026-11-21\n" * 2, "line 3: so far the bill adds up to more"),
        (HEAD + "a" * 70_000, "line 2: longer than"),
        (HEAD.encode() + b"\xff,1,USD,2026-11-21\n", "line 2: this is no UTF-8"),
        (HEAD.encode("utf-16"), "this is no CSV in UTF-8"),
        (b"PK\x03\x04", "this is no CSV in UTF-8"),
        (",".join(["x"] * 201) + "\n", "line 1: more than 200 columns"),
        ("id;amount\na;1,234\n", "line 2: is '1,234' with a decimal comma?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, sentence: str) -> None:
    """And nothing of the bill is used."""
    with pytest.raises(BadBill) as caught:
        read(text)
    assert str(caught.value).startswith(sentence)


def test_a_bill_has_a_bound() -> None:
    """The line beyond it is named."""
    lines = [line.encode() for line in (HEAD, GOOD, GOOD, GOOD)]
    assert read_bill(lines[:3], Wanted(), lines_max=2).lines == 2
    with pytest.raises(BadBill, match="line 4: a bill has at most 2 lines"):
        read_bill(lines, Wanted(), lines_max=2)


def test_a_comma_in_a_european_bill_needs_a_word() -> None:
    """Where commas do not separate they may be decimal: the operator decides; what can mean one thing only is read."""
    text = "id;amount\na;1,234\n"
    assert sums(read(text, decimal_comma=True)) == {"a": 1_234_000}
    assert sums(read(text, decimal_comma=False)) == {"a": 1_234_000_000}
    assert sums(read("id;amount\na;1,234.50\n")) == {"a": 1_234_500_000}


# --- columns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "micros"),
    [
        ("job_id,amount", "a,1.5", 1_500_000),
        ("id,task_id,cost,total", "7,a,1.5,2.5", 1_500_000),
        ("generationId,Cost (USD)", "a,1.5", 1_500_000),
        ("ID,Charge in cents", "a,150", 1_500_000),
        ("id,amount_cents,currency", "a,150,usd", 1_500_000),
        ("id,amount,unit", "a,150,Cents", 1_500_000),
        ("id,amount,currency", "a,1.5,US$", 1_500_000),
        ("id,amount,currency", "a,1.5,", 1_500_000),
        ("id,usd", "a,1.5", 1_500_000),
    ],
)
def test_plain_headers_are_understood(header: str, row: str, micros: int) -> None:
    """By what vendors call such columns, and the unit in the name."""
    assert sums(read(f"{header}\n{row}\n")) == {"a": micros}


@pytest.mark.parametrize(
    ("header", "option"),
    [
        ("job_id,task_id,amount", "--job-column"),
        ("who,amount", "--job-column"),
        ("id,amount,cost", "--amount-column"),
        ("id,eur", "--amount-column"),
        ("id,amount_eur", "--amount-column"),
        ("job_id amount", "--job-column"),
    ],
)
def test_an_unclear_header_is_refused_by_name(header: str, option: str) -> None:
    """The sentence names the option to use and the columns there are."""
    with pytest.raises(BadBill) as caught:
        read(f"{header}\n1,2,3\n")
    assert option in str(caught.value)
    assert all(repr(name) in str(caught.value) for name in header.split(","))


def test_the_operator_s_word_goes_before_guesses() -> None:
    """Exactly as written first, then as plain words; a name that none or two have is refused."""
    text = "Ref,ref,id,amount,List Price,when\na,b,c,1,2,2026-11-21 10:00:00\n"
    wanted = Wanted(job="Ref", amount="list_price", date="when")
    assert sums(read(text, wanted)) == {"a": 2_000_000}
    assert read(text, wanted).first_ms == T0 + 36_000_000
    for name in ("REF", "x", ""):
        with pytest.raises(BadBill, match="--job-column: not one column is called"):
            read(text, Wanted(job=name))


def test_a_refusal_of_many_columns_is_short() -> None:
    """Some names, and how many more."""
    with pytest.raises(BadBill, match="and 30 more"):
        read(",".join(f"{'x' * 100}{number}" for number in range(50)) + "\n")


@pytest.mark.parametrize(
    ("dates", "span"),
    [
        (["2026-11-21"], (T0, T0)),
        (["2026-11-21T01:00:00+01:00", "2026-11-21 00:00:01.5"], (T0, T0 + 1_500)),
        (["1795219200", "1795219200250"], (T0, T0 + 250)),
        (["2026-11-22", "2026-11-21 00:00:00 UTC"], (T0, T0 + 86_400_000)),
    ],
)
def test_the_bill_says_which_days_it_is_about(dates: Iterable[str], span: tuple[int, int]) -> None:
    """From its dates, in UTC where nothing else is said."""
    bill = read("id,amount,date\n" + "".join(f"a,1,{date}\n" for date in dates))
    assert (bill.first_ms, bill.last_ms) == span


def test_dates_that_nobody_needs_are_not_read() -> None:
    """A strange calendar is no hindrance when the operator says the period."""
    assert read("id,amount,date\na,1,tomorrow\n", Wanted(dates=False)).first_ms is None
    assert read("id,amount\na,1\n").first_ms is None
