/* A row of MACKO, and the parts it may be cut into: what macko_fast and its index share.
 *
 *   step     512 entries of a row: 64 groups of 8
 *   row      | step 0 | step 1 | step 2 | step 3 | .. |    5 steps, the last one not full
 *   part     |   0    |   1    |   2    |      3      |    of 4: from step 5 p / 4 to 5 (p + 1) / 4
 *
 * So parts end between steps, and differ by a step at most. The last part has as many as any other,
 * and the step that is not full; of a row with fewer steps than parts, others are empty.
 *
 *   starts[row, part]   the column of the part's first entry if its delta is 0, so that no part
 *                       needs the sums of those before it. Entries of the row before that lie in
 *                       the row's first group count as columns: part 0 starts at 0 to -7.
 */
#pragma once
#include "gather.cuh"

constexpr int GROUPS = 2 * LANES;  // of a step
constexpr u32 NIBBLES = 0x0f0f0f0fu;

/* What counts entries: without a sign, as a step may end behind the last of 2^31 - 1. */
template <typename Pointer>
struct Unsigned {
  typedef u32 Index;
};
template <>
struct Unsigned<i64> {
  typedef u64 Index;
};

/* Or a part of one: then `group`, `groups_end` and `start` are the part's. */
template <typename Index>
struct Row {
  Index begin, end;         // entries
  Index group, groups_end;  // those that hold them
  int start;                // column of the first group's first entry if its delta is 0
};

/* Row `row`, or an empty one past the last. */
template <typename Index, typename Pointer>
INLINE Row<Index> row_at(const Pointer* row_pointers, i64 row, i64 rows) {
  if (row >= rows) return {};
  const Index begin = row_pointers[row], end = row_pointers[row + 1];
  return {begin, end, begin / ENTRIES, (end + ENTRIES - 1) / ENTRIES, -int(begin % ENTRIES)};
}

/* Part `part` of 2^halvings, but for its start. */
template <typename Index>
INLINE Row<Index> part_of(Row<Index> row, int part, int halvings) {
  // 32 bits: a row has fewer than 2^22 steps, and 32 parts at most.
  const u32 steps = u32(row.groups_end - row.group + GROUPS - 1) / GROUPS;
  const Index begin = row.group;
  row.group = begin + (steps * part >> halvings) * GROUPS;
  if (part + 1 < 1 << halvings) {
    row.groups_end = begin + (steps * (part + 1) >> halvings) * GROUPS;
  }
  return row;
}

struct Sums {
  u32 upto_odd, odd;
  INLINE explicit Sums(u32 deltas) : odd(deltas >> 4 & NIBBLES) {
    upto_odd = ((deltas & NIBBLES) + odd) * EVERY_BYTE;
  }
  INLINE u32 upto_even() const { return upto_odd - odd; }  // no byte is below its own delta
  INLINE u32 all() const { return upto_odd >> 24; }
};
