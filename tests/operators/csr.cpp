// An operator of PyTorch in C++, as its documentation registers one: the arguments have no names.
#include <ATen/core/Tensor.h>
#include <ATen/ops/new_empty.h>
#include <torch/library.h>

#include <cstdint>

namespace {

at::Tensor spmv(const at::Tensor& row_pointers, const at::Tensor& columns, const at::Tensor& values,
                int64_t rows, int64_t cols, const at::Tensor& x) {
    TORCH_CHECK(values.scalar_type() == at::kFloat, "values must be float32");
    TORCH_CHECK(row_pointers.numel() == rows + 1 && x.numel() == cols, "sizes are mixed up");
    at::Tensor y = values.new_empty({rows});
    const int32_t* ends = row_pointers.const_data_ptr<int32_t>();
    const int32_t* column = columns.const_data_ptr<int32_t>();
    const float *value = values.const_data_ptr<float>(), *of_x = x.const_data_ptr<float>();
    float* of_y = y.mutable_data_ptr<float>();
    for (int64_t row = 0; row < rows; ++row) {
        float sum = 0;
        for (int32_t entry = ends[row]; entry < ends[row + 1]; ++entry)
            sum += value[entry] * of_x[column[entry]];
        of_y[row] = sum;
    }
    return y;
}

}  // namespace

TORCH_LIBRARY(in_cpp, library) { library.def("spmv", &spmv); }
