"""Commands that judge a change: gate."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import Device, Only, Set, Skip, app

