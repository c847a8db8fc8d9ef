"""Text files: a byte-order mark is read over; names that are not UTF-8 survive."""

import pytest

from vireid_lib.data import tables
from vireid_lib.data.strict import read_yaml
from vireid_lib.data.text import printable, read_json, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_read_over_wherever_text_is_read(tmp_path, encoding):
    file = tmp_path / "file"
    file.write_bytes("name: Zoë\r\nsize: 1\n".encode(encoding))
    assert read_text(file) == "name: Zoë\nsize: 1\n"
    assert read_yaml(file) == {"name": "Zoë", "size": 1}
    file.write_text('{"name": "Zoë"}', encoding=encoding)
    assert read_json(file) == {"name": "Zoë"}
    row = f"{tmp_path}/a.png,mini_vi/0001,mini_vi/1,visible,train,real,"
    file.write_text(f"{','.join(tables.COLUMNS)}\n{row}\n", encoding=encoding)
    assert tables.load(file)["path"].tolist() == [f"{tmp_path}/a.png"]


def test_a_name_that_is_not_utf8_survives_in_a_table_and_is_shown_as_bytes(tmp_path):
    name = f"{tmp_path}/a \udcb8\udcb4.png"
    row = dict(zip(tables.COLUMNS, (name, "mini_vi/0001", "mini_vi/1", "visible", "train", "real", None), strict=True))
    tables.save(tables.build([row], "test"), tmp_path / "table.csv")
    assert tables.load(tmp_path / "table.csv")["path"].tolist() == [name]
    assert printable(name) == rf"{tmp_path}/a \xb8\xb4.png"
    printable("\ud800 zoë").encode("utf-8")
    with pytest.raises(tables.TableError) as refused:
        tables.build([row, row], "a \udcb8 table")
    str(refused.value).encode("utf-8")
