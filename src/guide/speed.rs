//! Measurements of speed.
//!
//! The machine has two cores and ran other programs at the same time, so absolute times are rough. Ratios are more reliable: the
//! compared runs alternate.
//!
//! # Speed of the forward pass
//!
//! Time of PyTorch 2 with transformers 5 divided by the time of `optin`, both in f32 (`benches/pytorch.py`). Above 1, `optin` is
//! faster. Each cell shows two runs, with the median and the range of three to eleven rounds:
//!
//! | model and batch | one thread | two threads |
//! |---|---:|---:|
//! | MiniLM-L6, 32 x 64 tokens | 1.13 (0.87 to 1.33), 1.16 (1.00 to 1.84) | 1.11 (0.78 to 1.49), 1.09 (1.00 to 1.26) |
//! | a model with the size of BERT-base, 32 x 128 tokens | 1.09 (0.86 to 1.11), 1.01 (0.98 to 1.07) | 1.14 (1.00 to 1.23), 1.03 (1.00 to 1.07) |
//!
//! Time of the BERT of `candle-transformers` 0.11 divided by that of `optin`, for the same random weights in one process
//! (`cargo bench --bench forward`). Heads have 32 channels, and a layer has four times as many neurons as channels. Each cell shows
//! two runs, with the median and its 95 % confidence interval, from 31 pairs of passes (15 for 12 layers):
//!
//! | model and batch | one thread | two threads |
//! |---|---:|---:|
//! | 6 layers of 384 channels, 8 x 25 tokens | 1.17 (1.17 to 1.18), 1.18 (1.16 to 1.20) | 1.52 (1.44 to 1.65), 1.51 (1.41 to 1.60) |
//! | 6 layers of 384 channels, 32 x 64 tokens | 1.25 (1.23 to 1.27), 1.26 (1.24 to 1.28) | 1.46 (1.39 to 1.53), 1.51 (1.45 to 1.56) |
//! | 12 layers of 768 channels, 8 x 128 tokens | 1.22 (1.19 to 1.26), 1.17 (1.09 to 1.30) | 1.43 (1.37 to 1.52), 1.47 (1.09 to 1.53) |
//!
//! # Speed of the pruned model
//!
//! MiniLM-L6 on SST-2 at 50 % of the FLOPs, with 2,048 calibration rows, timed with 8 rows of 25 tokens (the
//! report of one job):
//!
//! | | original | pruned | difference |
//! |---|---:|---:|---:|
//! | forward pass, median of 15 alternating runs | 36.9 ms | 20.9 ms | 1.74 times as fast |
//! | accuracy, with 95 % confidence interval | 0.8956 ± 0.0203 | 0.8888 ± 0.0209 | -0.0069 ± 0.0100 |
//! | equal predictions | | 97.7 % | |
//!
//! The original model also profits from a last layer that computes only the first position. The job took 40 s and 0.5 GiB of
//! memory on two cores.
//!
//! Time of MiniLM-L6 with dimensions removed, divided by its time with whole heads removed, at equal FLOPs (`benches/results.py`,
//! median and range over 1 x 128, 8 x 32 and 8 x 128 tokens with one and two threads). Below 1, dimensions are faster:
//!
//! | FLOPs kept, engine | widths in multiples of 4 (default) | of 8 | of 16 | original model |
//! |---|---:|---:|---:|---:|
//! | 50 %, PyTorch | 1.00 (0.97 to 1.04) | 0.98 (0.93 to 1.01) | 0.98 (0.95 to 1.02) | 1.75 |
//! | 50 %, `optin` | 1.01 (1.00 to 1.07) | 1.02 (1.00 to 1.04) | 1.00 (0.98 to 1.02) | 1.75 |
//! | 30 %, PyTorch | 1.04 (0.98 to 1.11) | 1.03 (1.00 to 1.14) | 1.02 (0.92 to 1.09) | 2.78 |
//! | 30 %, `optin` | 1.06 (1.04 to 1.08) | 1.06 (1.06 to 1.08) | 1.02 (1.00 to 1.10) | 2.81 |
//!
//! At 30 %, the default is about 5 % slower than whole heads at equal FLOPs, because it keeps more and narrower heads. With
//! `--round-widths-to 16` the difference is 2 %. The default is 4 because it is more accurate on STS-B.
//!
//! A model with the size of DeiT-S (random weights, 224 x 224 pixels) at 50 % of the FLOPs: the time of the original model divided by
//! that of the pruned one, where 2.0 is ideal. Each cell shows 1 image and 8 images:
//!
//! | | PyTorch 2.15, one thread | PyTorch, two threads | `optin`, one thread |
//! |---|---:|---:|---:|
//! | without merging, neurons in steps of 8 (default) | 1.80, 1.96 | 1.72, 1.78 | 1.81, 1.76 |
//! | without merging, neurons in steps of 1 (`--round-to 1`) | 1.72, 1.75 | 1.63, 1.64 | 1.67, 1.70 (two threads) |
//! | 70 % of the patches kept by merging | 1.56, 1.84 | | 1.50, 1.68 |
//!
//! A product with 743 outputs takes 1.6 times as long in PyTorch as one with 744 (1,576 rows, 384 inputs, one thread). The default
//! therefore keeps multiples of 8 neurons, which costs no accuracy: the vision transformer `coarse` has 0.9025, 0.9028, 0.9030 and
//! 0.9030 with steps of 1, 4, 8 and 16 at 50 % (2,000 images, two calibration sets), and MiniLM-L6 on MRPC has 0.8020 with steps of
//! 1 and of 8. MiniLM-L6 at 50 % runs 2.03 instead of 1.82 times as fast in `optin` with one row, and 1.76 instead of 1.64 times
//! with 8 rows (53 tokens, one thread). With merging and one image, more weights remain for the same FLOPs, and preparing them for
//! products takes time that a few rows do not amortize.
//!
//! # Speed in ONNX Runtime
//!
//! The time of the original divided by that of `model.onnx` at 50 % of the FLOPs in ONNX Runtime 1.32, where 2.0 is ideal
//! (`benches/onnx_runtime.py`). Originals of transformers are written by PyTorch's exporter, the others by `optin export`. One thread:
//!
//! | | one row | several rows |
//! |---|---:|---:|
//! | MiniLM-L6, SST-2, 16 tokens | 1.87 | 1.86 (8 rows) |
//! | MiniLM-L6, SST-2, 128 tokens | 1.84 to 1.86 | 1.89 (8 rows) |
//! | the same, `model.int8.onnx` | 4.05 | 4.16 (8 rows) |
//! | a model with the size of DeiT-S, with merging of patches | 1.70 to 1.72 | 1.86 to 1.91 (8 rows) |
//! | ResNet-50, 224 x 224 pixels | 1.84 | 1.84 (8 rows) |
//! | Mask2Former for CamVid | 1.69 to 1.73 | 1.78 (4 rows) |
//! | ResNet-20 for CIFAR-10 | 1.36 | 1.39 (8 rows) |
//! | the same, `--round-to 16` | 1.58 | 1.60 (8 rows) |
//! | ResNet for Fashion-MNIST | 1.44 | 1.48 (8 rows) |
//! | the same, `--round-to 8` | 1.68 | 1.75 (8 rows) |
//!
//! On two threads, beside other programs, MiniLM-L6 has 1.72 and 1.86 (128 tokens), DeiT-S 1.28 to 1.50 and 1.66 to 1.70, and ResNet-50
//! 1.74 and 1.84. A part of the work, such as normalizations, becomes neither smaller nor faster.
//!
//! ResNet-20 has maps of 16, 32 and 64 channels, and the runtime computes convolutions in blocks of 16: 8 channels take as much time
//! as 16. With steps of 4 and 8 channels it has 1.39 and 1.42 to 1.43. Steps of 16 cost accuracy: 0.9105 instead of 0.9445 (one
//! calibration set).
//!
//! What makes graphs fast there: a GELU whose argument is a quotient becomes one operator together with the bias before it, and
//! one with a product does not. The bias of keys is left out, which changes nothing. One product for queries, keys and values
//! instead of three changes nothing measurable. Shapes of intermediate tensors are not given: with them, the runtime joins sums
//! and normalizations to one operator that takes ten times as long on a CPU. In deformable attention, factors and centers are repeated for
//! each offset, and maps are added instead of concatenated: 10.4 instead of 12.5 ms for the model for CamVid.
//!
//! Weights of 8 bits (`--output onnx-int8`), MiniLM-L6 on the 872 rows of SST-2, one row per call:
//!
//! | | accuracy | equal predictions with the original | bytes |
//! |---|---:|---:|---:|
//! | original | 0.8956 | | 90,869,205 |
//! | original, 8 bits | 0.8888 | 97.5 % | 23,633,444 |
//! | 50 % of the FLOPs | 0.8911 | 97.9 % | 70,346,628 |
//! | 50 % of the FLOPs, 8 bits | 0.8945 | 96.9 % | 18,450,756 |
//!
//! `ORTModelForSequenceClassification` of optimum 2.3 opens the folder, also with `file_name="model.int8.onnx"`.
