"""Text, tables and Hugging Face datasets as DATA."""

from __future__ import annotations

import gzip
import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from toposcope.activations.capture import capture
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import sample
from toposcope.errors import SpecError
from toposcope.store.runs import Run

ROWS = [
    {"text": "who wrote Ulysses", "label": "HUM", "level": 2},
    {"text": "where is Cork", "label": "LOC", "level": 0},
    {"text": "who sang Yesterday", "label": "HUM", "level": 1},
    {"text": "null", "label": "ABBR", "level": 2},
]
LINES = "\n".join(json.dumps(row) for row in ROWS)


@pytest.fixture
def trec(tmp_path):
    """A folder trec with a gzipped train file."""
    (tmp_path / "trec").mkdir()
    with gzip.open(tmp_path / "trec" / "train.jsonl.gz", "wt") as stream:
        stream.write(LINES + "\n\n")
    return tmp_path / "trec"


def test_lines_of_json_with_names_as_classes(trec):
    source = load_data(f"jsonl:{trec / 'train.jsonl.gz'}")
    assert (source.name, source.split, source.kind, source.n) == ("trec/train", "train", "text", 4)
    assert source.class_names == ("ABBR", "HUM", "LOC")
    assert source.labels.tolist() == [1, 2, 1, 0]
    assert source.columns == ("text", "label")
    assert list(source.batch(np.array([3, 1]))) == ["null", "where is Cork"]
    assert sample(source, n=3, seed=0).ids[0].startswith("trec/train:")
    numbered = load_data(f"jsonl:{trec / 'train.jsonl.gz'}#y=level")
    assert (numbered.class_names, numbered.labels.tolist()) == (("0", "1", "2"), [2, 0, 1, 2])
    assert numbered.content == source.content


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (LINES + "\n{oops", "", "line 5 of .* is not JSON"),
        (LINES + "\n[1]", "", "line 5 of .* is list"),
        (LINES + '\n{"text": 3}', "", "line 5 of .* no text under 'text'"),
        (LINES + '\n{"text": "a"}', "", "1 of 5 labels are missing, the first at position 4"),
        (LINES + '\n{"text": "a", "label": 3}', "", "some labels are names and some are numbers"),
        (LINES + '\n{"text": " ", "label": "HUM"}', "", "1 of 5 texts are empty.*position 4"),
        (LINES, "#x=txt", "no key 'txt'.*text"),
        (LINES, "#z=1", "accepted: x=…, y=…"),
        ('{"a": "b"}', "", "text, sentence.*has a. Name one"),
        ("", "", "has no lines"),
        ('{"text": "a", "label": -1}', "", "all 1 labels are negative"),
    ],
)
def test_a_damaged_file_of_lines_names_the_line(tmp_path, content, options, says):
    (tmp_path / "d.jsonl").write_text(content)
    with pytest.raises(SpecError, match=says):
        load_data(f"jsonl:{tmp_path / 'd.jsonl'}{options}")


def test_a_file_that_is_not_what_it_says(tmp_path):
    (tmp_path / "d.jsonl.gz").write_text("not gzip")
    with pytest.raises(SpecError, match=r"d\.jsonl\.gz cannot be read"):
        load_data(f"jsonl:{tmp_path / 'd.jsonl.gz'}")
    (tmp_path / "d.parquet").write_text("not parquet")
    with pytest.raises(SpecError, match=r"d\.parquet cannot be read"):
        load_data(f"parquet:{tmp_path / 'd.parquet'}")
    (tmp_path / "d.csv").write_text("a,b\n1,2,3\n")
    with pytest.raises(SpecError, match=r"d\.csv cannot be read"):
        load_data(f"csv:{tmp_path / 'd.csv'}")


def test_tables_of_text(tmp_path):
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, tmp_path / "questions.parquet")
    (tmp_path / "questions.csv").write_text(
        "text,label,level\n" + "\n".join(f"{r['text']},{r['label']},{r['level']}" for r in ROWS)
    )
    for kind in ("csv", "parquet"):
        source = load_data(f"{kind}:{tmp_path}/questions.{kind}")
        assert (source.kind, source.split, source.name) == ("text", "", "questions")
        # The word null is a text like any other.
        assert list(source.batch(np.arange(4))) == [row["text"] for row in ROWS]
        assert source.class_names == ("ABBR", "HUM", "LOC")


def test_tables_of_numbers(tmp_path):
    numbers = np.arange(12).reshape(4, 3)
    table = pa.table(
        {"a": numbers[:, 0], "b": numbers[:, 1] / 2, "wide": numbers[:, 2], "y": [1, 0, 1, 0]}
    )
    pq.write_table(table, tmp_path / "test.parquet")
    start = f"parquet:{tmp_path / 'test.parquet'}"
    whole = load_data(start)
    assert (whole.columns, whole.kind, whole.split) == (("a", "b", "wide", "y"), "feature", "test")
    assert whole.batch(np.array([1])).tolist() == [[3.0, 2.0, 5.0]]
    assert whole.labels.tolist() == [1, 0, 1, 0]
    assert load_data(f"{start}#x=wide+a").batch(np.array([1])).tolist() == [[5.0, 3.0]]
    assert load_data(f"{start}#x=?+b,y=y").columns == ("a", "b", "y")
    for options, says in (("#x=c", "no column 'c'"), ("#x=y,y=y", "label column 'y' alone")):
        with pytest.raises(SpecError, match=says):
            load_data(start + options)


def test_cells_that_are_empty_name_their_row(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("a,b,label\n1,2,0\n,3,1\n")
    with pytest.raises(SpecError, match="'a' has 1 empty cells, the first in row 1"):
        load_data(f"csv:{path}")
    path.write_text("a,label\n1,0\nnan,1\n")
    with pytest.raises(SpecError, match=r"empty cells|has nan in row 1"):
        load_data(f"csv:{path}")
    path.write_text("a,label\n")
    with pytest.raises(SpecError, match="no rows"):
        load_data(f"csv:{path}")
    path.write_text("a,b\n1,u\n2,v\n")
    with pytest.raises(SpecError, match="'b' holds string"):
        load_data(f"csv:{path}#x=a+b")


@pytest.fixture
def saved(tmp_path):
    """A dataset with two splits, saved to disk by `datasets` itself."""
    names = datasets.ClassLabel(names=["ABBR", "LOC", "HUM"])
    features = datasets.Features({"sentence": datasets.Value("string"), "label": names})
    rows = [{"sentence": row["text"], "label": row["label"]} for row in ROWS]
    splits = {
        "train": datasets.Dataset.from_list(rows, features=features),
        "test": datasets.Dataset.from_list(rows[:2], features=features),
    }
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "questions")
    return tmp_path / "questions"


def test_a_dataset_saved_to_disk(saved):
    source = load_data(f"hf:{saved}#split=train")
    assert (source.name, source.split, source.kind) == ("questions/train", "train", "text")
    # The order of the classes is the dataset's, not the alphabet's.
    assert source.class_names == ("ABBR", "LOC", "HUM")
    assert source.labels.tolist() == [2, 1, 2, 0]
    assert list(source.batch(np.array([2]))) == ["who sang Yesterday"]
    assert load_data(f"hf:{saved}#split=train,y=").labels is None
    one = load_data(f"hf:{saved / 'test'}")
    assert (one.n, one.split, one.name) == (2, "test", "questions/test")
    assert one.class_names == source.class_names
    with pytest.raises(SpecError, match=r"splits train \(4\), test \(2\).*#split=NAME"):
        load_data(f"hf:{saved}")
    with pytest.raises(SpecError, match=r"no column 'text'.*sentence"):
        load_data(f"hf:{saved}#split=test,x=text")
    with pytest.raises(SpecError, match=r"accepted: split=…, x=…"):
        load_data(f"hf:{saved}#slit=test")
    with pytest.raises(SpecError, match="holds one split, None"):
        load_data(f"hf:{saved / 'test'}#split=train")


def test_pictures_and_numbers_of_a_dataset():
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
    rows = {"image": [Image.fromarray(image) for image in images], "label": [0, 1, 0, 1, 1]}
    source = load_data(datasets.Dataset.from_dict(rows))
    assert (source.kind, source.labels.tolist()) == ("image", rows["label"])
    assert np.array_equal(source.batch(np.array([4, 0])), images[[4, 0]])
    numbers = load_data(datasets.Dataset.from_dict({"x": [[1.0, 2.0], [3.0, 4.0]]}))
    assert (numbers.kind, numbers.batch(np.array([1])).tolist()) == ("feature", [[3.0, 4.0]])


def test_a_dataset_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(SpecError, match="save_to_disk"):
        load_data("hf:nobody/nothing")
    unlabeled = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [-1, -1]})
    with pytest.raises(SpecError, match=r"all 2 labels are negative.*remove_columns"):
        load_data(unlabeled)
    with pytest.raises(SpecError, match="no rows"):
        load_data(datasets.Dataset.from_dict({"text": []}))


class Lines(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return ROWS[index]["text"], ROWS[index]["level"]


def test_texts_in_memory():
    texts = [row["text"] for row in ROWS]
    for data in (texts, np.array(texts), (texts, np.array([0, 1, 0, 1])), Lines()):
        source = load_data(data)
        assert (source.kind, list(source.batch(np.array([1])))) == ("text", [texts[1]])
    assert load_data(Lines()).labels.tolist() == [2, 0, 1, 2]
    assert load_data(texts).content != load_data(texts[::-1]).content
    with pytest.raises(SpecError, match="one per sample"):
        load_data((texts, np.array([0, 1])))


def lengths(batch):
    """Two numbers per text, its length and its first character."""
    return torch.tensor([[len(text), ord(text[0])] for text in batch], dtype=torch.float32)


def test_the_report_can_show_texts(tmp_path):
    texts = [f"text {i}\nof {'many ' * i}words" for i in range(60)]
    texts[7] = "half \ud800 a character"
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    net.preprocess = lengths
    data = (texts, np.arange(60) % 2)
    acts = capture(net, data, n=20, layers="all", store=tmp_path / "run", seed=3)
    run = Run.open(tmp_path / "run")
    positions = [int(name.partition(":")[2]) for name in acts.sample_ids[[4, 2]]]
    whole = [" ".join(texts[position].split()) for position in positions]
    cut = [text if len(text) <= 160 else text[:159] + "…" for text in whole]
    assert run.texts([4, 2]) == cut
    assert max(map(len, run.texts(range(20)))) <= 160
    assert run.samples.labels is not None and len(acts.sample_ids) == 20
    capture(net, data, layers="all", store=tmp_path / "bare", thumbnails=False)
    assert Run.open(tmp_path / "bare").texts([0]) is None
    every = capture(net, data, layers="all", store=tmp_path / "whole")
    assert Run.open(every.run).texts([7, 0]) == ["half ? a character", "text 0 of words"]


@pytest.mark.parametrize("hold", [list, np.array, torch.tensor])
@pytest.mark.parametrize("labels", [None, [0, 1]])
def test_token_ids_of_unequal_length_are_refused_with_what_pads_them(hold, labels):
    """Only a tokenizer knows the pad of its network; two such texts were read as a pair (x, y)."""
    ids = [hold([5, 6, 7]), hold([5, 6])]
    with pytest.raises(SpecError, match=r"2 texts of unequal length \(2 to 3\).*tokenizer\.pad"):
        load_data(ids if labels is None else (ids, labels))


def test_the_ids_of_one_text_are_not_guessed_to_be_one():
    with pytest.raises(SpecError, match=r"token ids of one text are x\[None\]"):
        load_data(np.array([5, 6, 7]))
    assert load_data(np.array([5, 6, 7])[None]).n == 1
