//! Measurements of accuracy, scoring cost and speed.
//!
//! The machine has two cores and ran other programs at the same time, so absolute times are rough. Ratios are more reliable: the
//! compared runs alternate.
//!
//! # Accuracy
//!
//! The tables of this section and the next one were measured with whole attention heads as units (`--units heads`), in an
//! earlier version whose last layer computed all positions.
//!
//! The model is MiniLM-L6 (6 layers, hidden size 384, 12 heads, FFN size 1536), fine-tuned on three GLUE tasks. The evaluation
//! files have 872 rows (SST-2), 500 rows (MRPC) and 1,500 rows (STS-B). Each cell is the mean and the standard deviation over three
//! random calibration sets. All settings have their defaults: 128 rows for scoring, and at most 8,192 rows or 131,072 tokens for the
//! repair.
//!
//! | FLOPs kept | SST-2, accuracy | MRPC, accuracy | STS-B, Spearman |
//! |---|---:|---:|---:|
//! | 100 % (standard error) | 0.8956 (0.0104) | 0.8080 (0.0176) | 0.8479 (0.0081) |
//! | 60 % | 0.8976 ± 0.0029 | 0.8140 ± 0.0035 | 0.8511 ± 0.0004 |
//! | 50 % | 0.8926 ± 0.0018 | 0.8060 ± 0.0072 | 0.8512 ± 0.0006 |
//! | 40 % | 0.8861 ± 0.0037 | 0.8067 ± 0.0058 | 0.8540 ± 0.0018 |
//! | 30 % | 0.8735 ± 0.0053 | 0.8060 ± 0.0053 | 0.8546 ± 0.0007 |
//!
//! At 50 %, the loss is smaller than the standard error of the original score on all three tasks. At 40 %, it is below one point. At 30 %, it is at
//! most 2.2 points. The defaults were chosen on the same evaluation files, so these results are slightly optimistic. The command:
//!
//! ```text
//! optin bench accuracy --model minilm-l6-sst2 --calibration train.tsv --evaluation dev.tsv --text sentence --label label --stage-cache scores --variants default
//! ```
//!
//! The same with at most 2,048 calibration rows (`--max-samples 2048`; SST-2 uses 8,192 rows by default). Small targets fail on
//! MRPC:
//!
//! | FLOPs kept | SST-2 | MRPC | STS-B |
//! |---|---:|---:|---:|
//! | 70 % | 0.8933 ± 0.0011 | 0.8120 ± 0.0035 | 0.8503 ± 0.0002 |
//! | 60 % | 0.8956 ± 0.0030 | 0.8113 ± 0.0031 | 0.8523 ± 0.0005 |
//! | 50 % | 0.8907 ± 0.0018 | 0.8080 ± 0.0040 | 0.8510 ± 0.0015 |
//! | 40 % | 0.8838 ± 0.0076 | 0.8053 ± 0.0031 | 0.8523 ± 0.0012 |
//! | 30 % | 0.8643 ± 0.0063 | 0.8007 ± 0.0031 | 0.8532 ± 0.0010 |
//! | 25 % | 0.8589 ± 0.0011 | 0.7293 ± 0.0629 | 0.8541 ± 0.0028 |
//! | 20 % | 0.8513 ± 0.0033 | 0.6913 ± 0.0012 | 0.8521 ± 0.0045 |
//!
//! # Variants of the method
//!
//! At 40 % of the FLOPs with 1,024 calibration rows and three random calibration sets (`--max-samples 1024 --targets 40%
//! --variants mean,logits,local,fisher,rounds,least_squares,bias,paper`):
//!
//! | variant | SST-2 | STS-B |
//! |---|---:|---:|
//! | default: trajectory summed over the layers, logit term with weight 0.1, least squares with tokens weighted by sensitivity | 0.8834 ± 0.0067 | 0.8534 ± 0.0041 |
//! | trajectory averaged over the layers (`mean`) | 0.8761 ± 0.0064 | 0.8545 ± 0.0033 |
//! | logit term with weight 1 (`logits`) | 0.8838 ± 0.0093 | 0.8525 ± 0.0026 |
//! | local term with exponent 0.3 (`local`) | 0.8773 ± 0.0070 | 0.8498 ± 0.0022 |
//! | logit term and local term only (`fisher`) | 0.8765 ± 0.0063 | 0.8511 ± 0.0022 |
//! | three rounds (`rounds`) | 0.8807 ± 0.0060 | |
//! | formula of the paper, least squares with equal token weights (`least_squares`) | 0.8815 ± 0.0109 | 0.8523 ± 0.0035 |
//! | formula of the paper, biases only (`bias`) | 0.7714 ± 0.0615 | 0.8443 ± 0.0010 |
//! | formula of the paper, no repair (`paper`) | 0.8593 ± 0.0048 | 0.7280 ± 0.0132 |
//!
//! The least-squares repair has the largest effect. The criteria differ by about one standard deviation, which is too
//! little to prefer one. The default therefore sums the terms of all later layers, as the paper does. The repair of biases alone can be worse than no repair
//! (SST-2): it fits all tokens equally, and the classifier reads only the first one.
//!
//! The formula of the paper without repair and with plain least squares (`--variants paper,least_squares`). These numbers come from
//! an earlier version of `optin`, with 1,024 rows for STS-B:
//!
//! | FLOPs kept | SST-2, no repair | SST-2, least squares | STS-B, no repair | STS-B, least squares |
//! |---|---:|---:|---:|---:|
//! | 60 % | 0.8853 ± 0.0030 | 0.8979 ± 0.0023 | 0.7042 ± 0.0080 | 0.8537 ± 0.0004 |
//! | 50 % | 0.8800 ± 0.0035 | 0.8941 ± 0.0054 | 0.7371 ± 0.0183 | 0.8518 ± 0.0019 |
//! | 40 % | 0.8574 ± 0.0073 | 0.8853 ± 0.0023 | 0.7259 ± 0.0031 | 0.8520 ± 0.0033 |
//! | 30 % | 0.8215 ± 0.0118 | 0.8570 ± 0.0043 | 0.6272 ± 0.0189 | 0.8519 ± 0.0011 |
//! | 20 % | 0.7764 ± 0.0152 | 0.8479 ± 0.0048 | 0.5548 ± 0.0418 | 0.8486 ± 0.0041 |
//!
//! # Cost of scoring
//!
//! Times are multiples of one forward pass of the original model over the scoring rows (`optin bench speed`).
//!
//! | model | units | total | 64 probes | heads |
//! |---|---:|---:|---:|---:|
//! | MiniLM-L6, SST-2, 128 rows (three runs) | 9,288 | 56, 60, 71 | 38 to 52 | 20 to 24 |
//! | a model with the size of BERT-base, 32 rows of 125 tokens (two runs) | 37,008 | 154, 169 | 67, 70 | 76, 67 |
//!
//! The total is the time of the whole stage, which also scores eight units per group exactly, to calibrate the estimates. Probes and
//! heads are timed separately, so the columns do not add up. Exact scoring would take one pass per unit.
//!
//! # Quality of the sketched scores
//!
//! `optin audit` compares sketched scores with exact scores on a sample of units. Results with default settings at 50 % of the FLOPs
//! (60 % for the bundled model); the limits are in the heading:
//!
//! | model | Spearman's correlation (at least 0.98) | overlap of the selections (at least 0.95) | median of estimated / exact (1 ± 0.05) | importance lost (at most 1 %) |
//! |---|---:|---:|---:|---:|
//! | SST-2 | 0.997 | 0.978 | 1.015 | 0.03 % |
//! | MRPC | 0.998 | 0.972 | 0.994 | 0.03 % |
//! | STS-B | 0.995 | 0.961 | 1.015 | 0.05 % |
//! | bundled model | 0.999 | 0.980 | 1.022 | 0.02 % |
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
//! MiniLM-L6 on SST-2 at 50 % of the FLOPs, with default settings and 8 rows of 25 tokens (the report of one job):
//!
//! | | original | pruned | difference |
//! |---|---:|---:|---:|
//! | forward pass, median of 15 alternating runs | 39.4 ms | 21.2 ms | 2.01 times as fast |
//! | accuracy, with 95 % confidence interval | 0.8956 ± 0.0203 | 0.8922 ± 0.0206 | -0.0034 ± 0.0125 |
//! | equal predictions | | 96.4 % | |
//!
//! The job took 3 min 15 s (scoring 51 s, repair 128 s, verification 13 s) and 0.9 GiB of memory on two cores.
//!
//! # Numerical agreement
//!
//! - The logits of the original model agree with PyTorch to 6e-7.
//! - The features of a BERT with random weights agree with `candle-transformers` to 9e-7, relative to the largest feature.
//! - The pruned files and the same weights with masks instead of removed units agree to 3e-6, relative to the largest logit. A job
//!   fails if they differ by more than 1e-4.
//! - transformers 4.57.6 and 5.24.0 reproduce the logits in `verify.json` to 1e-5.
