"""A comparison of groups in a folder: four tables, one JSON file, and the seal over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.analysis.network_means import NetworkMeans
from toposcope.errors import SchemaVersionError, StoreError, UsageError
from toposcope.store.folders import GROUPS, MARKS
from toposcope.store.objects import get_json, objects_in, put_json_at
from toposcope.store.seals import AGAIN, SEAL, find_seal, is_own, put_seal
from toposcope.store.shapes import expect, understood
from toposcope.store.tables import parquet_bytes, table_of

if TYPE_CHECKING:
    import pandas as pd

MARK, SCHEMA = MARKS[GROUPS], 1
TABLES = ("layers", "models", "pairs")
MEANS = "means.parquet"
SHAPE = {
    "schema": int,
    "by": str,
    "attrs": dict,
    "networks": {
        "names": [str],
        "columns": [str],
        "covariates": {str: list},
        "layers": [list],
        "looked": [list],
        "replicates": int,
        "configuration": [str],
        "notes": [str],
        "attrs": dict,
    },
}


def keep(
    folder: Path,
    by: str,
    tables: Mapping[str, pd.DataFrame],
    attrs: Mapping[str, Any],
    networks: NetworkMeans,
) -> None:
    """Put it into a folder; the seal comes last, over all that lies in it."""
    objects = objects_in(folder)
    for name in TABLES:
        objects.put(f"{name}.parquet", _parquet(tables[name]))
    objects.put(MEANS, _parquet(_means_table(networks)))
    columns = networks.covariates.to_dict("list")
    rest = {
        "schema": SCHEMA,
        "by": by,
        "attrs": _plain(dict(attrs)),
        "networks": {
            "names": list(networks.names),
            "columns": list(map(str, columns)),  # keys are sorted in a file, columns are not
            "covariates": {str(name): _plain(values) for name, values in columns.items()},
            "layers": [list(layer) for layer in networks.layers],
            "looked": [list(looked) for looked in networks.means],
            "replicates": networks.replicates,
            "configuration": list(networks.configuration),
            "notes": list(networks.notes),
            "attrs": _plain(dict(networks.attrs)),
        },
    }
    put_json_at(objects, MARK, rest)
    put_seal(objects, [name for name in objects.list() if not is_own(name)])


def refuse_another(folder: Path, attrs: Mapping[str, Any], *, call: str) -> None:
    """Refuse a folder that holds a comparison with other parameters than those of `attrs`."""
    objects = objects_in(folder)
    if not objects.exists(MARK):
        return
    held = expect(get_json(objects, MARK), SHAPE, where=objects.where(MARK), again=AGAIN)["attrs"]
    asked = _plain(dict(attrs))
    other = [name for name in sorted(asked) if held.get(name) != asked[name]]
    if other:
        name = other[0]
        msg = (
            f"{call}: {objects.where()} holds a comparison of groups with {name} "
            f"{held.get(name)!r}, and this one has {asked[name]!r}. Name another folder (-o, "
            "store=)."
        )
        raise UsageError(msg)


def read(
    folder: Path,
) -> tuple[str, dict[str, pd.DataFrame], dict[str, Any], NetworkMeans]:
    """What was kept in a folder."""
    objects, where = objects_in(folder), objects_in(folder).where()
    if not objects.exists(MARK) or not objects.exists(SEAL):
        msg = (
            f"{where} holds no finished comparison of groups. Make one with 'toposcope compare "
            f"POPULATION --by COLUMN -o {where}'."
        )
        raise StoreError(msg)
    seal = find_seal(objects)
    assert seal is not None, "a finished comparison has one"
    with understood(where, again="Compare again."):
        rest = expect(seal.json(MARK), SHAPE, where=objects.where(MARK), again=AGAIN)
        if rest["schema"] > SCHEMA:
            msg = (
                f"{where} was written by a later toposcope (schema {rest['schema']} of a "
                f"comparison of groups; this one reads up to {SCHEMA}). Install that version, or "
                "compare again."
            )
            raise SchemaVersionError(msg)
        tables = {
            name: _frame(table_of(seal.get(f"{name}.parquet"), where=objects.where(name)))
            for name in TABLES
        }
        means = _frame(table_of(seal.get(MEANS), where=objects.where(MEANS)))
        return rest["by"], tables, rest["attrs"], _networks(rest["networks"], means)


def _means_table(networks: NetworkMeans) -> pd.DataFrame:
    """One row per statistic, network and layer."""
    import pandas as pd

    rows = [
        {
            "statistic": statistic,
            "homology_dimension": degree,
            "network": name,
            "layer": layer,
            "value": float(values[i, j]),
        }
        for (statistic, degree), values in networks.means.items()
        for i, name in enumerate(networks.names)
        for j, (layer, _) in enumerate(networks.layers)
    ]
    out = pd.DataFrame(rows)
    return out.astype({"homology_dimension": "Int64"})


def _networks(held: Mapping[str, Any], means: pd.DataFrame) -> NetworkMeans:
    import pandas as pd

    shape = len(held["names"]), len(held["layers"])
    values = means["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    values = values.reshape(len(held["looked"]), *shape)
    return NetworkMeans(
        tuple(held["names"]),
        pd.DataFrame(
            {name: held["covariates"][name] for name in held["columns"]},
            index=list(held["names"]),
        ),
        tuple((name, float(depth)) for name, depth in held["layers"]),
        {(name, degree): values[k] for k, (name, degree) in enumerate(held["looked"])},
        held["replicates"],
        tuple(held["configuration"]),
        tuple(held["notes"]),
        held["attrs"],
    )


def _parquet(table: pd.DataFrame) -> bytes:
    import pyarrow as pa

    return parquet_bytes(pa.Table.from_pandas(table, preserve_index=False))


def _frame(table: Any) -> pd.DataFrame:
    """A table as `compare` made it: whole numbers are plain where none is missing."""
    import pandas as pd
    import pyarrow as pa

    out = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    plain = {
        name: int
        for name in out
        if name != "homology_dimension"
        and str(out[name].dtype) == "Int64"
        and out[name].notna().all()
    }
    return out.astype(plain)


def _plain(value: Any) -> Any:
    """A value as JSON holds it, numbers without a value as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
