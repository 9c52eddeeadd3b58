/* The loop of all dense kernels: y = A x, a warp for every ROWS neighbouring rows.
 *
 *   load        0   1  ...  31 | 32 ...  63 | 64 ...  95 | 96 ... 127 | 128 ...
 *   row r       lane 0 1 ..    | the same lanes again    |            | the next step
 *   row r + 1   lane 0 1 ..    |                         |            |
 *               <------------- a step: UNROLL loads of each row ----->
 *
 * What a load is, the weights say: 16 bytes, or one element where rows do not begin at multiples of
 * 16 bytes. Its columns are RUNS runs of RUN neighbours. A run of x is read once, from the L1
 * cache, and serves ROWS rows. x in shared memory was rejected: it limits the columns, and every
 * block would begin with a barrier; weights are loaded past the L1 cache, so that x stays in it.
 *
 * As soon as the sums have taken a load, the same registers take the load of the next step: a lane
 * has UNROLL * ROWS loads in flight all the time. With UNROLL 4, ROWS 2 and 16 warps on a
 * multiprocessor that is 64 KiB; 21 to 29 KiB cover the latency of an H200's memory.
 *
 * Past the last row, the last one is read again and not written. Past the last whole step loads are
 * asked for one by one whether they exist; only there may a run end behind the last column, and it
 * is read by elements.
 *
 * A `Weights` has
 *   Load                         what a lane holds of one row
 *   RUN, RUNS                    columns that are neighbours in x, and how many such runs
 *   loads, whole                 loads of a row; those of them that lie inside of its columns
 *   fetch(row, load)             reads one
 *   column(load, run)            the first column of a run
 *   expand(Load, run, weights)   the RUN weights of a run as float
 *   scaled(Load, sum)            a sum over one load, in units of y or of the row's scale
 *   scale(row)                   what a row's sum is multiplied by
 */
#pragma once
#include "ptx.cuh"
#include "warp.cuh"

// Rows of a warp: an element of x is read and widened once for this many weights.
constexpr int ROWS = 2;
// 256 threads, no shared memory and no barrier: any number of blocks shares a multiprocessor.
constexpr int WARPS = 8;
// Blocks that have to fit at least: 128 registers a thread, 16 warps.
constexpr int BLOCKS = 2;

// Several vectors need registers for their sums, and their arithmetic hides more of the latency.
template <int BATCH>
constexpr int UNROLL = BATCH == 1 ? 4 : BATCH == 2 ? 2 : 1;

/* RUN rows of x (cols, BATCH): one access per 16 bytes, or per element near the end. */
template <int RUN, int BATCH, bool WHOLE, typename T>
INLINE Vector<T, RUN * BATCH> run_of(const T* x, int column, int cols) {
  const T* from = x + i64(column) * BATCH;
  if (WHOLE) return load<RUN * BATCH>(from);
  Vector<T, RUN * BATCH> run = {};
#pragma unroll
  for (int i = 0; i < RUN * BATCH; ++i) {
    if (column + i / BATCH < cols) run.at[i] = from[i];
  }
  return run;
}

/* sums += one load of each row, times x. */
template <int BATCH, bool WHOLE, typename Weights, typename T>
INLINE void multiply(const typename Weights::Load (&loads)[ROWS], int load, const T* x, int cols,
                     float (&sums)[ROWS][BATCH]) {
  constexpr int RUN = Weights::RUN;
  float parts[ROWS][BATCH] = {};
#pragma unroll
  for (int run = 0; run < Weights::RUNS; ++run) {
    const auto xs = run_of<RUN, BATCH, WHOLE>(x, Weights::column(load, run), cols);
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
      float weights[RUN];
      Weights::expand(loads[r], run, weights);
#pragma unroll
      for (int i = 0; i < RUN * BATCH; ++i) {
        float& part = parts[r][i % BATCH];
        part = fmaf(weights[i / BATCH], wide(xs.at[i]), part);
      }
    }
  }
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
#pragma unroll
    for (int b = 0; b < BATCH; ++b) sums[r][b] += Weights::scaled(loads[r], parts[r][b]);
  }
}

/* y[row] of each row, from the sums of all lanes. */
template <int BATCH, typename Weights, typename T>
INLINE void write_rows(const Weights& weights, T* y, i64 first, i64 rows,
                       const float (&sums)[ROWS][BATCH]) {
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    float total[BATCH];
#pragma unroll
    for (int b = 0; b < BATCH; ++b) total[b] = warp_sum(sums[r][b]);
    if (lane_of_warp() || first + r >= rows) continue;
    Vector<T, BATCH> ys;
#pragma unroll
    for (int b = 0; b < BATCH; ++b) ys.at[b] = narrow<T>(total[b] * weights.scale(first + r));
    store(y + (first + r) * BATCH, ys);
  }
}

/* What is left after the last whole step, from load `at` of this lane on. */
template <int BATCH, int DEPTH, typename Fetch, typename Weights, typename T>
INLINE void finish(const Weights& weights, const Fetch& fetch, int at, const T* x, int cols,
                   float (&sums)[ROWS][BATCH]) {
  for (; at < weights.loads; at += LANES * DEPTH) {
    typename Weights::Load loads[DEPTH][ROWS];
#pragma unroll
    for (int i = 0; i < DEPTH * ROWS; ++i) {
      const int u = i / ROWS, r = i % ROWS;
      if (at + LANES * u < weights.loads) loads[u][r] = fetch(r, at + LANES * u);
    }
#pragma unroll
    for (int u = 0; u < DEPTH; ++u) {
      const int load = at + LANES * u;
      if (load < weights.whole) {
        multiply<BATCH, true, Weights>(loads[u], load, x, cols, sums);
      } else if (load < weights.loads) {
        multiply<BATCH, false, Weights>(loads[u], load, x, cols, sums);
      }
    }
  }
}

/* A x for this warp's rows. Shapes: x (cols, BATCH), y (rows, BATCH), both from a multiple of 16
 * bytes.
 */
template <int BATCH, typename Weights, typename T>
INLINE void gemv(const Weights& weights, const T* __restrict__ x, T* __restrict__ y, i64 rows,
                 int cols) {
  constexpr int DEPTH = UNROLL<BATCH>, STEP = LANES * DEPTH;
  const i64 first = (i64(blockIdx.x) * WARPS + threadIdx.x / LANES) * ROWS;
  if (first >= rows) return;  // before the first read; the whole warp leaves
  const int lane = lane_of_warp();
  const auto fetch = [&](int r, int load) {
    return weights.fetch(first + r < rows ? first + r : rows - 1, load);
  };
  typename Weights::Load loads[DEPTH][ROWS];
  float sums[ROWS][BATCH] = {};
#pragma unroll
  for (int i = 0; i < DEPTH * ROWS; ++i) {
    const int u = i / ROWS, r = i % ROWS;
    if (STEP <= weights.whole) loads[u][r] = fetch(r, LANES * u + lane);
  }
  int at = lane;
  for (; at - lane + STEP <= weights.whole; at += STEP) {
    const bool more = at - lane + 2 * STEP <= weights.whole;
#pragma unroll
    for (int u = 0; u < DEPTH; ++u) {
      multiply<BATCH, true, Weights>(loads[u], at + LANES * u, x, cols, sums);
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        if (more) loads[u][r] = fetch(r, at + STEP + LANES * u);
      }
    }
  }
  finish<BATCH, DEPTH>(weights, fetch, at, x, cols, sums);
  write_rows<BATCH>(weights, y, first, rows, sums);
}
