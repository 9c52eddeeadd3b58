"""Results folders for a report, of records from a model of a machine, and a page taken apart."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser

import synthetic

ENVIRONMENT = {
    "device": "Some CPU",
    "system": "Linux 6",
    "commit": "0123456789ab",
    "source_hash": "fedcba987654",
    "libraries": {"numpy": "2.4.6", "torch": "2.13.0+cpu"},
    "features": ["avx2", "fma"],
}
EXPERIMENT = "name: sparsity_sweep\nformats: [macko, bitmap, csr16, dense-f16]\n"
FORMATS = ("macko", "bitmap", "csr16", "dense-f16")


def records(**columns):
    """One shape, four densities, of one environment and protocol unless `columns` say otherwise."""
    found = synthetic.records(synthetic.SHAPES[:1], (0.1, 0.4, 0.7, 1.0), formats=FORMATS)
    return found.assign(**{"environment": "here", "protocol": "1-abc"} | columns)


def write(path, rows, environment=ENVIRONMENT, experiment=EXPERIMENT):
    """A results folder as a run leaves it."""
    path.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path / "records.csv", index=False)
    (path / "environment.json").write_text(json.dumps({"here": environment}))
    (path / "experiment.yaml").write_text(experiment)
    return path


class Page(HTMLParser):
    """`tags`: names and attributes of all elements, in order. `data`: the columns of records."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self._texts = html, [], []
        self._within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._within.append(tag)

    def handle_endtag(self, tag):
        if tag in self._within:
            del self._within[len(self._within) - 1 - self._within[::-1].index(tag) :]

    def handle_data(self, data):
        if not {"script", "style"} & set(self._within):
            self._texts.append(data)

    @property
    def text(self):
        """What a reader sees, spaces as one."""
        return " ".join(" ".join(self._texts).replace("\N{NO-BREAK SPACE}", " ").split())

    @property
    def script(self):
        """The program of the page."""
        return self.html.rpartition("<script>")[2].partition("</script>")[0]

    @property
    def data(self):
        """Columns by name, each as a list of numbers or words."""
        packed = self.html.partition('id="data">')[2].partition("<")[0]
        columns = json.loads(gzip.decompress(base64.b64decode(packed)))
        return {c["name"]: c.get("values") or [c["words"][at] for at in c["at"]] for c in columns}
