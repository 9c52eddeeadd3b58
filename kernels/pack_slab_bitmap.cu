/* A into slabs with bitmaps, see slab_bitmap.cu: bits, zeros that are stored, then bits and values.
 *
 *   mask_streams       a bit for each non-zero; a warp a row. A row's segments follow one another,
 *                      `words` words each, the first column in a word's highest bit
 *   complete_streams   a bit for each stored zero; a thread a stream, which is a row in a segment
 *   pack_slab_values   both to where they belong; a warp a row, see groups.cuh
 *
 * Between the last two the host puts the rows in order by how many groups they have.
 *
 * Four entries lie in a window of 32 columns behind the entry before. With four non-zeros there,
 * the next window begins behind the fourth. With fewer, the last zeros of the window are stored to
 * make it four, and the last of these is its last column:
 *
 *   window    0 0 1 0 0 ... 0 1 0 0 0     2 non-zeros
 *   entries       x             x   x x   so the last 2 of the zeros, unless no non-zero follows
 *
 * Reads each element twice; writes each value once, each bit twice, and reads it as often.
 * Columns: 2^22.
 */
#include "groups.cuh"

constexpr int IN_WINDOW = 4;  // entries

INLINE u32 bit_of(int column) { return 0x80000000u >> column % LANES; }

/* Shapes: dense (rows, cols), masks (rows, words). Words of a row are a multiple of AHEAD, as its
 * segments are.
 */
__global__ void __launch_bounds__(LANES * WARPS)
    mask_streams(const u16* __restrict__ dense, u32* __restrict__ masks, i64 rows, int cols,
                 int words) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const int lane = lane_of_warp();
  for (int base = 0; base < words * LANES; base += LANES * AHEAD) {
    const Step<u16> step = look(dense + row * cols, base, cols);
    u32 word = 0;
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (lane == i) word = __brev(step.stored[i]);
    }
    if (lane < AHEAD) masks[row * words + base / LANES + lane] = word;
  }
}

/* The columns of a stream up to its last non-zero. */
INLINE int used_columns(const u32* mask, int words) {
  while (words > 0 && mask[words - 1] == 0) --words;
  return words ? words * LANES - (__ffs(mask[words - 1]) - 1) : 0;
}

/* Sets the bits of 32 columns from `begin` on. */
INLINE void set(u32* mask, int words, int begin, u32 bits) {
  const int word = begin / LANES, by = begin % LANES;
  mask[word] |= bits >> by;
  if (by && word + 1 < words) mask[word + 1] |= bits << (LANES - by);
}

/* Shapes: masks (streams, words), groups (streams,). */
__global__ void __launch_bounds__(LANES * WARPS)
    complete_streams(u32* __restrict__ masks, u16* __restrict__ groups, i64 streams, int words) {
  const i64 stream = i64(blockIdx.x) * (LANES * WARPS) + threadIdx.x;
  if (stream >= streams) return;
  u32* const mask = masks + stream * words;
  const int used = used_columns(mask, words);
  int entries = 0;
  for (int begin = 0; begin < used;) {
    const int word = begin / LANES;
    const u32 next = word + 1 < words ? mask[word + 1] : 0;
    u32 window = __funnelshift_l(next, mask[word], begin % LANES);
    const int found = __popc(window);
    if (found >= IN_WINDOW) {
      for (int i = 1; i < IN_WINDOW; ++i) window &= ~bit_of(__clz(window));
      entries += IN_WINDOW;
      begin += __clz(window) + 1;
      continue;
    }
    u32 zeros = ~window;
    for (int i = found; i < IN_WINDOW; ++i) zeros &= zeros - 1;
    u32 stored = ~window & ~zeros;
    if (used - begin < LANES) stored &= ~(ALL_LANES >> (used - begin));
    set(mask, words, begin, stored);
    entries += found + __popc(stored);
    begin += LANES;
  }
  // What fills up the last group are the next columns, as far as there are bits for them.
  const int missing = -entries & (GROUP - 1);
  if (missing && used < words * LANES) set(mask, words, used, ~(ALL_LANES >> missing));
  groups[stream] = u16((entries + missing) / GROUP);
}

/* Entries of a stream that are not written yet. */
struct Waiting {
  alignas(16) u16 values[ROOM];
};

/* A lane of a warp of slab_bitmap.cu. */
struct Stream {
  i64 unit;          // its warp, of all slabs'
  u32 lane, length;  // in the warp; its groups
  u32 of_lane;       // groups of lane i of that warp: of lane i
};

/* Writes the next groups of a stream from `written` on, a lane each. All lanes come here. */
INLINE void write(u16* values, const u32* offsets, const Stream& stream, const Waiting& waiting,
                  u32& written) {
  __syncwarp();
  const u32 group = written + lane_of_warp();
  const auto entries = load<GROUP>(waiting.values + group * GROUP % ROOM);
  const auto length_of = [&](u32 other) { return __shfl_sync(ALL_LANES, stream.of_lane, other); };
  const u32 at = offsets[stream.unit] + groups_before(group, stream.lane, length_of);
  if (group < stream.length) store(values + i64(at) * GROUP, entries);
  written += LANES;
  __syncwarp();
}

/* `words` of a segment; `row_bits`: rows of a slab, `warp_bits`: warps, as powers of two. */
__global__ void __launch_bounds__(LANES * WARPS)
    pack_slab_values(const u16* __restrict__ dense, const u32* __restrict__ masks,
                     const u32* __restrict__ offsets, const u16* __restrict__ counts,
                     const u32* __restrict__ row_order, u16* __restrict__ values,
                     u32* __restrict__ bits, i64 rows, int cols, int words, int row_bits,
                     int warp_bits) {
  __shared__ Waiting of_warps[WARPS];
  const i64 number = row_of_warp();
  if (number >= rows) return;  // before the first read; the whole warp leaves
  Waiting& waiting = of_warps[threadIdx.x / LANES];
  const int lane = lane_of_warp(), part_bits = 5 - row_bits;
  const int segments = 1 << (warp_bits + part_bits), row_of_slab = number & ((1 << row_bits) - 1);
  const i64 slab = number >> row_bits, row = row_order[number];
  for (int segment = 0; segment < segments; ++segment) {
    Stream stream;
    stream.unit = (slab << warp_bits) + (segment >> part_bits);
    stream.lane = u32((segment & ((1 << part_bits) - 1)) << row_bits | row_of_slab);
    stream.of_lane = counts[stream.unit * LANES + lane];
    stream.length = __shfl_sync(ALL_LANES, stream.of_lane, stream.lane);
    if (stream.length == 0) continue;  // its bits are zeros, and there already
    const u32* const mask = masks + (row * segments + segment) * words;
    const int begin = segment * words * LANES, end = min(cols, begin + words * LANES);
    u32 entries = 0, written = 0;
    for (int word = 0; word < words; word += AHEAD) {
      const Step<u16> step = look(dense + row * cols, begin + word * LANES, end);
      const bool has = lane < AHEAD && word + lane < words;
      const u32 mine = has ? mask[word + lane] : 0;
      if (has) bits[(stream.unit * words + word + lane) * LANES + stream.lane] = mine;
#pragma unroll
      for (int i = 0; i < AHEAD; ++i) {
        const u32 set = __shfl_sync(ALL_LANES, mine, i);
        if (set & bit_of(lane)) {
          const u32 entry = entries + __popc(set >> 1 >> (LANES - 1 - lane));
          waiting.values[entry % ROOM] = is_stored(step.bits[i]) ? step.bits[i] : u16(0);
        }
        entries += __popc(set);
      }
      if (entries - written * GROUP >= WRITTEN) write(values, offsets, stream, waiting, written);
    }
    // Where the segment ended before the last group was full.
    if (lane < -entries % GROUP) waiting.values[(entries + lane) % ROOM] = 0;
    if (written < stream.length) write(values, offsets, stream, waiting, written);
  }
}
