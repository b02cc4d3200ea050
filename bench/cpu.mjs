// CPU time and memory of a process and all its descendants, where the system keeps /proc.
import { existsSync, readFileSync, readdirSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const tickMs = 10;

/** Whether this system can tell. */
export const canTell = existsSync("/proc/self/stat");

/** User and system time so far, in ms. Descendants that have ended count with whoever waited for them. @param {number} pid */
export const cpuMsOf = (pid) => sumOver(pid, ({ userTicks, systemTicks }) => (userTicks + systemTicks) * tickMs);

/** Resident memory now, in MB. @param {number} pid */
export const memoryMbOf = (pid) => sumOver(pid, ({ pages }) => (pages * 4096) / 1e6);

/** @typedef {{ pid: number, parent: number, userTicks: number, systemTicks: number, pages: number }} Usage */

/** @param {number} root @param {(usage: Usage) => number} measure */
function sumOver(root, measure) {
  if (!canTell) return Number.NaN;
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [usageOf(Number(name))] : []));
  const family = new Set([root]);
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => family.has(pid)).reduce((sum, usage) => sum + measure(usage), 0);
}

/** @param {number} pid @returns {Usage} zeros when it has just ended */
function usageOf(pid) {
  /** @type {string[]} */
  let fields = [];
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in brackets and may hold anything, so fields are counted from its end.
    fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    // It ended between being listed and being read.
  }
  const at = (/** @type {number} */ index) => Number(fields[index] ?? 0);
  return { pid, parent: at(1), userTicks: at(11), systemTicks: at(12), pages: at(21) };
}
