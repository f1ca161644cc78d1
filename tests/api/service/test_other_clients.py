"""The description as public tools take it: Spectral finds no error, and clients of two TypeScript generators compile and read rows.

The tools come from npm, at versions that are named here; where npm or its registry cannot be had, the tests are skipped and say so.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.deep

DESCRIPTION = Path(__file__).parents[3] / "api" / "openapi.json"
TOOLS = (
    "@stoplight/spectral-cli@6.16.3",
    "openapi-typescript@7.13.0",
    "@hey-api/openapi-ts@0.95.0",
    "typescript@5.9.3",
)
STRICT = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--lib",
    "es2022,dom,dom.iterable",
]

WITH_TYPES = """
import type { components, paths } from "./types";
type Rows<P extends keyof paths> = paths[P] extends { get: { responses: { 200: { content: { "application/json": infer C } } } } } ? C : never;
export function read(
  allocations: Rows<"/v1/allocations/{result_id}">,
  table: Rows<"/v1/runs/{result_id}/frames/{name}">,
  positions: Rows<"/v1/positions/{result_id}">,
): string[] {
  const money: (string | null)[] = allocations.rows.map((row) => row.allocation_gbp);
  const cell: string | number | boolean | null | undefined = table.rows[0]?.["allocation_gbp"];
  const amount: string | null | undefined = positions.rows[0]?.amount_gbp;
  return [...money, allocations.next, String(cell), String(amount)].filter((each): each is string => each !== null);
}
export const figure: components["schemas"]["FigureView"] = { kind: "figure", label: "x", value: "1", unit: "pence", words: "w" };
export const asked: components["schemas"]["JournalRequest"] = { result: "/v1/runs/f10e0a9b83f73e51", period: "2018/19" };
"""
WITH_CLIENT = """
import { readAllocations, requestRun } from "./client";
import type { FigureView } from "./client";
import { client } from "./client/client.gen";
client.setConfig({ baseUrl: "http://127.0.0.1:8000", headers: { "X-API-Key": "k" } });
export async function read(id: string): Promise<(string | null)[]> {
  await requestRun({ body: { scenario: "blmk" }, headers: { "Idempotency-Key": "k", Prefer: "wait=60" } });
  const { data } = await readAllocations({ path: { result_id: id }, query: { level: "locality" } });
  if (data === undefined || typeof data === "string" || data instanceof Blob) throw new Error("no rows");
  return data.rows.map((row) => row.allocation_gbp);
}
export const figure: FigureView = { kind: "figure", label: "x", value: "1", unit: "pence", words: "w" };
"""
WRONG = """
import type { components } from "./types";
export const wrong = (row: components["schemas"]["RunAllocationRow"]): number => row.allocation_gbp;
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """Runs a tool in the folder where they are installed."""
    if shutil.which("npm") is None or shutil.which("npx") is None:
        pytest.skip("npm and npx are needed to install and run the generators")
    folder = tmp_path_factory.mktemp("tools")
    (folder / "package.json").write_text(json.dumps({"name": "clients", "private": True}))
    words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *TOOLS]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install the generators: {done.stderr[-300:]}")

    def run(*words):
        return subprocess.run(
            ["npx", "--no-install", *words], cwd=folder, capture_output=True, text=True, timeout=600, check=False
        )

    run.folder = folder
    return run


def test_spectral_finds_no_error(tools):
    (tools.folder / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    done = tools("spectral", "lint", str(DESCRIPTION), "--ruleset", ".spectral.yaml", "--fail-severity", "error")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "(0 errors" in done.stdout or "No results" in done.stdout


def test_types_compile_and_read_rows(tools):
    assert tools("openapi-typescript", str(DESCRIPTION), "-o", "types.ts").returncode == 0
    (tools.folder / "reads.ts").write_text(WITH_TYPES)
    done = tools("tsc", *STRICT, "reads.ts")
    assert done.returncode == 0, done.stdout[-3000:]
    (tools.folder / "wrong.ts").write_text(WRONG)
    refused = tools("tsc", *STRICT, "wrong.ts")
    assert "TS2322" in refused.stdout  # a cell has the type of its column, so taking money for a number is seen


def test_a_client_compiles_and_reads_rows(tools):
    done = tools("openapi-ts", "-i", str(DESCRIPTION), "-o", "client", "-c", "@hey-api/client-fetch")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (tools.folder / "calls.ts").write_text(WITH_CLIENT)
    compiled = tools("tsc", *STRICT, "calls.ts")
    assert compiled.returncode == 0, compiled.stdout[-3000:]
