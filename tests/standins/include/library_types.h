// The part of NVIDIA's header of this name that the stand-ins need, in our own words.
#pragma once

struct CUstream_st;
typedef CUstream_st* cudaStream_t;

enum cudaDataType_t { CUDA_R_32F = 0, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
typedef cudaDataType_t cudaDataType;

enum libraryPropertyType_t { MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL };
typedef libraryPropertyType_t libraryPropertyType;
