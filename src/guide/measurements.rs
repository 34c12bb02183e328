//! Measurements of accuracy, scoring cost and speed.
//!
//! # Accuracy
//!
//! The model is MiniLM-L6 (6 layers, hidden size 384, 12 heads, FFN size 1536), fine-tuned on three GLUE tasks. Each score is
//! the mean and the sample standard deviation over three calibration samples, on the whole development set. All settings have
//! their defaults: 128 rows for scoring, at most 8,192 rows or 131,072 tokens for the repair.
//!
//! | FLOPs kept | SST-2, accuracy | MRPC, accuracy | STS-B, Spearman |
//! |---|---:|---:|---:|
//! | 100 % (standard error) | 0.8956 (0.0104) | 0.8080 (0.0176) | 0.8479 (0.0081) |
//! | 60 % | 0.8976 ± 0.0029 | 0.8140 ± 0.0035 | 0.8511 ± 0.0004 |
//! | 50 % | 0.8926 ± 0.0018 | 0.8060 ± 0.0072 | 0.8512 ± 0.0006 |
//! | 40 % | 0.8861 ± 0.0037 | 0.8067 ± 0.0058 | 0.8540 ± 0.0018 |
//! | 30 % | 0.8735 ± 0.0053 | 0.8060 ± 0.0053 | 0.8546 ± 0.0007 |
//!
//! Half of the FLOPs can be removed within one standard error. At 40 %, the loss is below one point; at 30 %, it is at most 2.2
//! points. The defaults were chosen on these development sets. The command is
//!
//! ```text
//! optin bench accuracy --model minilm-l6-sst2 --calibration train.tsv --evaluation dev.tsv --text sentence --label label --journal scores --variants default
//! ```
//!
//! With 2,048 calibration rows, a quarter of the rows that SST-2 uses by default:
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
//! # Effect of each part
//!
//! At 40 % with 1,024 calibration rows and three samples (`--max-samples 1024 --targets 40% --variants mean,logits,..`):
//!
//! | variant | SST-2 | STS-B |
//! |---|---:|---:|
//! | default: trajectory summed over the layers, logit term with weight 0.1, least squares with tokens weighted by sensitivity | 0.8834 ± 0.0067 | 0.8534 ± 0.0041 |
//! | trajectory averaged over the layers (`mean`) | 0.8761 ± 0.0064 | 0.8545 ± 0.0033 |
//! | logit term with weight 1 (`logits`) | 0.8838 ± 0.0093 | 0.8525 ± 0.0026 |
//! | local term with exponent 0.3 (`local`) | 0.8773 ± 0.0070 | 0.8498 ± 0.0022 |
//! | logit term and local term only (`fisher`) | 0.8765 ± 0.0063 | 0.8511 ± 0.0022 |
//! | three rounds (`rounds`) | 0.8807 ± 0.0060 | |
//! | formula of the paper, least squares with equal tokens (`least_squares`) | 0.8815 ± 0.0109 | 0.8523 ± 0.0035 |
//! | formula of the paper, biases only (`bias`) | 0.7714 ± 0.0615 | 0.8443 ± 0.0010 |
//! | formula of the paper, no repair (`paper`) | 0.8593 ± 0.0048 | 0.7280 ± 0.0132 |
//!
//! The repair has the largest effect. The criteria are within each other's standard deviation, so the trajectory of the paper is
//! the default. Bias repair with equal tokens can be worse than no repair, because the classifier reads a single token.
//!
//! The formula of the paper without repair and with plain least squares, measured with an earlier release of the scores (STS-B
//! with 1,024 rows; `--variants paper,least_squares`):
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
//! The unit is one forward pass of the original model over the scoring rows, timed side by side (`optin bench speed`) on two busy
//! cores.
//!
//! | model | units | forward passes | of these, 64 probes | of these, all heads exactly |
//! |---|---:|---:|---:|---:|
//! | MiniLM-L6, SST-2 (three runs) | 9,288 | 56, 60 and 71 | 38 to 52 | 20 to 24 |
//! | shape of BERT-base, 32 rows of 125 tokens (two runs) | 37,008 | 154 and 169 | 67 and 70 | 76 and 67 |
//!
//! Exact scoring costs one pass per unit. The rest of the cost is eight exact units per group, which set the scale of the
//! group's estimates.
//!
//! # Quality of the sketched scores
//!
//! `optin audit` compares sketched scores with exact scores on a sample of units. These are its results at the defaults with half
//! of the FLOPs kept (60 % for the bundled model). The heading shows each limit.
//!
//! | model | Spearman's correlation (at least 0.98) | overlap of the selections (at least 0.95) | median of sketched / exact (1 ± 0.05) | importance lost (at most 1 %) |
//! |---|---:|---:|---:|---:|
//! | SST-2 | 0.997 | 0.978 | 1.015 | 0.03 % |
//! | MRPC | 0.998 | 0.972 | 0.994 | 0.03 % |
//! | STS-B | 0.995 | 0.961 | 1.015 | 0.05 % |
//! | bundled model | 0.999 | 0.980 | 1.022 | 0.02 % |
//!
//! # Speed of the forward pass
//!
//! Time of PyTorch 2 with transformers 5 divided by the time of `optin`, both in f32, on a busy machine with two cores
//! (`benches/pytorch.py`). Each cell has two runs: the median of three to eleven rounds, and the range.
//!
//! | model and batch | one thread | two threads |
//! |---|---:|---:|
//! | MiniLM-L6, 32 x 64 tokens | 1.13 (0.87 to 1.33), 1.16 (1.00 to 1.84) | 1.11 (0.78 to 1.49), 1.09 (1.00 to 1.26) |
//! | shape of BERT-base, 32 x 128 tokens | 1.09 (0.86 to 1.11), 1.01 (0.98 to 1.07) | 1.14 (1.00 to 1.23), 1.03 (1.00 to 1.07) |
//!
//! # Numerical agreement
//!
//! - The logits agree with PyTorch to 6e-7.
//! - The pruned model and the masked original agree to 3e-6, relative to the largest logit. A job fails if they differ by more
//!   than 1e-4.
//! - transformers 4.57.6 and 5.24.0 reproduce the logits in `verify.json` to 1e-5.
