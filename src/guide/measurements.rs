//! Measurements of accuracy and scoring cost.
//!
//! The machine has two cores and ran other programs at the same time, so absolute times are rough. Ratios are more reliable: the
//! compared runs alternate.
//!
//! The tables of accuracy of text and vision transformers and of segmentation were measured with neurons in steps of 1
//! (`--round-to 1`). Where the default of 8 was compared, it changes them by less than their deviation (see [`speed`](super::speed)).
//!
//! # Accuracy
//!
//! The model is MiniLM-L6 (6 layers, hidden size 384, 12 heads, FFN size 1536), fine-tuned on three GLUE tasks. The evaluation
//! files have 872 rows (SST-2), 500 rows (MRPC) and 1,500 rows (STS-B). Each cell is the mean and the standard deviation over three
//! random calibration sets. `dimensions` is the default, and `heads` removes whole attention heads (`--units heads`). The
//! divergence is the distance of the answers to those of the original model: the Kullback-Leibler divergence in nats, or for
//! STS-B the squared error. It is the more precise measure, because it does not depend on the labels.
//!
//! SST-2, accuracy, 2,048 calibration rows. The original model has 0.8956 with a standard error of 0.0104:
//!
//! | FLOPs kept | dimensions | heads | divergence, dimensions | divergence, heads |
//! |---|---:|---:|---:|---:|
//! | 60 % | 0.8933 ± 0.0020 | 0.8922 ± 0.0041 | 0.010 | 0.010 |
//! | 50 % | 0.8911 ± 0.0040 | 0.8907 ± 0.0024 | 0.026 | 0.024 |
//! | 40 % | 0.8876 ± 0.0041 | 0.8853 ± 0.0034 | 0.048 | 0.052 |
//! | 30 % | 0.8807 ± 0.0034 | 0.8769 ± 0.0035 | 0.083 | 0.100 |
//! | 25 % | 0.8758 ± 0.0058 | 0.8704 ± 0.0040 | 0.109 | 0.129 |
//! | 20 % | 0.8597 ± 0.0133 | 0.8498 ± 0.0061 | 0.160 | 0.201 |
//! | 15 % | 0.8479 ± 0.0074 | 0.8429 ± 0.0103 | 0.218 | 0.232 |
//!
//! MRPC, accuracy, 1,024 calibration rows. The original model has 0.8080 with a standard error of 0.0176:
//!
//! | FLOPs kept | dimensions | heads | divergence, dimensions | divergence, heads |
//! |---|---:|---:|---:|---:|
//! | 60 % | 0.8133 ± 0.0023 | 0.8133 ± 0.0042 | 0.007 | 0.010 |
//! | 50 % | 0.8100 ± 0.0020 | 0.8087 ± 0.0076 | 0.018 | 0.024 |
//! | 40 % | 0.8093 ± 0.0129 | 0.8040 ± 0.0053 | 0.032 | 0.052 |
//! | 30 % | 0.8160 ± 0.0069 | 0.7960 ± 0.0072 | 0.057 | 0.122 |
//! | 25 % | 0.8013 ± 0.0121 | 0.7940 ± 0.0087 | 0.102 | 0.141 |
//! | 20 % | 0.8007 ± 0.0114 | 0.7827 ± 0.0012 | 0.124 | 0.147 |
//! | 15 % | 0.7847 ± 0.0121 | 0.7800 ± 0.0139 | 0.141 | 0.170 |
//!
//! STS-B, Spearman's correlation, 1,024 calibration rows. The original model has 0.8479 with a
//! standard error of 0.0081:
//!
//! | FLOPs kept | dimensions | heads | squared error, dimensions | squared error, heads |
//! |---|---:|---:|---:|---:|
//! | 60 % | 0.8503 ± 0.0016 | 0.8495 ± 0.0015 | 0.005 | 0.006 |
//! | 50 % | 0.8498 ± 0.0014 | 0.8510 ± 0.0019 | 0.013 | 0.018 |
//! | 40 % | 0.8523 ± 0.0022 | 0.8516 ± 0.0030 | 0.033 | 0.044 |
//! | 30 % | 0.8512 ± 0.0011 | 0.8535 ± 0.0019 | 0.063 | 0.103 |
//! | 25 % | 0.8511 ± 0.0009 | 0.8512 ± 0.0019 | 0.084 | 0.136 |
//! | 20 % | 0.8499 ± 0.0008 | 0.8501 ± 0.0022 | 0.113 | 0.179 |
//! | 15 % | 0.8452 ± 0.0048 | 0.8462 ± 0.0021 | 0.149 | 0.207 |
//!
//! From 40 % of the FLOPs down, dimensions stay closer to the original model than heads on all three tasks. At 50 %, they do so on MRPC
//! and STS-B. On SST-2, the loss is 0.8 points at 40 %, 1.5 points at 30 % and 3.6 points at 20 %. On STS-B, the score is at least that
//! of the original model down to 20 %. The defaults were chosen on the same evaluation files, so these results are slightly optimistic. The command:
//!
//! ```text
//! optin bench accuracy --model minilm-l6-sst2 --calibration train.tsv --evaluation dev.tsv --text sentence --label label --max-samples 2048 --targets 60%,50%,40%,30%,25%,20%,15% --stage-cache scores --variants default,heads
//! ```
//!
//! # Sentence embeddings
//!
//! all-MiniLM-L6-v2 (6 layers, hidden size 384) and all-mpnet-base-v2 (12 layers, hidden size 768) of sentence-transformers.
//! Calibration reads 1,024 random texts of the training file of STS-B, without their scores. Spearman's correlation of the cosine with the
//! scores on the 1,500 pairs of its development file; for MiniLM, mean ± standard deviation over three calibration sets, for MPNet one set.
//! The standard error of the original models is 0.0078 and 0.0069:
//!
//! | FLOPs kept | all-MiniLM-L6-v2 | all-mpnet-base-v2 |
//! |---|---:|---:|
//! | 100 % | 0.8672 | 0.8811 |
//! | 70 % | 0.8656 ± 0.0003 | 0.8821 |
//! | 60 % | 0.8642 ± 0.0010 | 0.8818 |
//! | 50 % | 0.8634 ± 0.0005 | 0.8789 |
//! | 40 % | 0.8598 ± 0.0007 | 0.8773 |
//!
//! # Other text encoders
//!
//! Small models that were trained from scratch, with the bodies of RoBERTa, DistilBERT and ModernBERT, lose less than a standard
//! error down to 30 % of the FLOPs: taggers 0.0030 of 0.7137, nothing of 0.7049 and 0.0077 of 0.7330 (entity F1), where the formula of the paper
//! without repair loses 0.065, 0.036 and 0.027. The tables and the script are in `examples/bodies`.
//!
//! # Vision transformers
//!
//! The model `coarse` of `examples/fashion-mnist` (6 layers, hidden size 128, 4 heads, FFN size 256, 49 patches), with 1,024
//! calibration images and three random calibration sets. All 10,000 test images are evaluated. The original model has 0.9026
//! with a standard error of 0.0030. The second number of each cell is the Kullback-Leibler divergence from the answers of the
//! original model:
//!
//! | FLOPs kept | default | without merging of patches | heads, without merging | heads, formula of the paper, no repair |
//! |---|---:|---:|---:|---:|
//! | 80 % | 0.9025, 0.0000 | 0.9025, 0.0000 | 0.9018, 0.0003 | 0.9013, 0.0013 |
//! | 70 % | 0.9023, 0.0002 | 0.9023, 0.0002 | 0.9011, 0.0025 | 0.8978, 0.0149 |
//! | 60 % | 0.9017, 0.0006 | 0.9019, 0.0006 | 0.8984, 0.0100 | 0.8892, 0.0513 |
//! | 50 % | 0.9017, 0.0015 | 0.9017, 0.0021 | 0.8933, 0.0200 | 0.8698, 0.1324 |
//! | 40 % | 0.9013, 0.0039 | 0.8997, 0.0054 | 0.8836, 0.0519 | 0.8029, 0.3304 |
//! | 30 % | 0.8998, 0.0074 | 0.8969, 0.0142 | 0.8644, 0.1085 | 0.7172, 0.5580 |
//!
//! Merging of patches alone (`benches/tome.py`): 0.9022, 0.0041 at 79 %, 0.9002, 0.0088 at 68 %, 0.8940, 0.0248 at
//! 50 % and 0.8855, 0.0458 at 42 %. Merging saves operations, not always time: with only 49 patches, it costs about as much time as it saves.
//!
//! With 256 patches (the model `fine`, 0.8889), merging saves most of what is removed. At 50, 40 and 30 % the divergence is
//! 0.0002, 0.0005 and 0.0014, and without merging 0.0019, 0.0052 and 0.0172.
//!
//! The command:
//!
//! ```text
//! optin bench accuracy --model examples/fashion-mnist/coarse --calibration examples/fashion-mnist/calibration.npz --evaluation test.npz --targets 80%,70%,60%,50%,40%,30% --seeds 0,1,2 --stage-cache scores --variants default
//! ```
//!
//! # ResNet
//!
//! The model `cnn` of `examples/fashion-mnist` (3 stages of 2 basic blocks), measured in the same way. The original model has
//! 0.9347 with a standard error of 0.0025. The units are the channels inside the residual blocks.
//!
//! | FLOPs kept | default | formula of the paper, no repair |
//! |---|---:|---:|
//! | 80 % | 0.9334, 0.0027 | 0.7496, 0.5654 |
//! | 70 % | 0.9322, 0.0052 | 0.4820, 1.1417 |
//! | 60 % | 0.9300, 0.0097 | 0.2139, 1.8875 |
//! | 50 % | 0.9262, 0.0165 | 0.1704, 2.1821 |
//! | 40 % | 0.9224, 0.0268 | 0.1566, 2.4795 |
//!
//! Torch-Pruning 1.6 removes the same kind of channels without fine-tuning (`benches/magnitude_taylor.py`). Accuracy on all test images,
//! after the statistics of the batch norms were estimated again:
//!
//! | FLOPs kept | default | Torch-Pruning, magnitude | Torch-Pruning, Taylor |
//! |---|---:|---:|---:|
//! | 80 % | 0.9334 ± 0.0002 | 0.9242 ± 0.0004 | 0.9220 ± 0.0029 |
//! | 70 % | 0.9322 ± 0.0005 | 0.9047 ± 0.0011 | 0.9067 ± 0.0041 |
//! | 60 % | 0.9300 ± 0.0003 | 0.8902 ± 0.0009 | 0.8740 ± 0.0063 |
//! | 50 % | 0.9262 ± 0.0009 | 0.8399 ± 0.0023 | 0.8202 ± 0.0047 |
//! | 40 % | 0.9224 ± 0.0018 | 0.7221 ± 0.0037 | 0.5960 ± 0.0434 |
//!
//! The default loses at most 0.12 times as much as the better one of these two. Without new statistics, they have 0.8946 and 0.7724 at
//! 80 %, and 0.3330 and 0.1907 at 50 %.
//!
//! ResNet-20 for CIFAR-10, with 1,024 of 2,000 training images, and evaluated on 2,000 other ones, where the original model has
//! 0.9975. Torch-Pruning estimates the new statistics on all 2,000 images, and its Taylor term reads 1,000 labels:
//!
//! | FLOPs kept | default | formula of the paper, no repair | Torch-Pruning, magnitude, new statistics | Taylor, new statistics |
//! |---|---:|---:|---:|---:|
//! | 80 % | 0.9932 ± 0.0008 | 0.7642 ± 0.0647 | 0.9215 ± 0.0000 | 0.8798 ± 0.0273 |
//! | 70 % | 0.9825 ± 0.0023 | 0.5495 ± 0.0993 | 0.8713 ± 0.0003 | 0.7705 ± 0.0123 |
//! | 60 % | 0.9677 ± 0.0013 | 0.3353 ± 0.0219 | 0.7505 ± 0.0005 | 0.6552 ± 0.0031 |
//! | 50 % | 0.9462 ± 0.0033 | 0.2840 ± 0.0505 | 0.5230 ± 0.0000 | 0.5052 ± 0.0114 |
//! | 40 % | 0.9105 ± 0.0046 | 0.1747 ± 0.0417 | 0.3043 ± 0.0003 | 0.3368 ± 0.0284 |
//!
//! At each target, the default loses at most 0.14 times as much as the better one of these two. Without new statistics, they
//! have 0.8180 and 0.4805 at 80 %, and 0.2725 and 0.1668 at 50 %. The command:
//!
//! ```text
//! python benches/magnitude_taylor.py resnet20 calibration.npz evaluation.npz
//! ```
//!
//! ResNet-56 in the same way, where the original model has 1.0000:
//!
//! | FLOPs kept | default | formula of the paper, no repair | Torch-Pruning, magnitude, new statistics | Taylor, new statistics |
//! |---|---:|---:|---:|---:|
//! | 80 % | 1.0000 ± 0.0000 | 0.9917 ± 0.0020 | 0.9867 ± 0.0006 | 0.9912 ± 0.0016 |
//! | 70 % | 1.0000 ± 0.0000 | 0.9308 ± 0.0179 | 0.9763 ± 0.0003 | 0.9690 ± 0.0035 |
//! | 60 % | 0.9982 ± 0.0003 | 0.7825 ± 0.0351 | 0.9410 ± 0.0000 | 0.9218 ± 0.0106 |
//! | 50 % | 0.9902 ± 0.0015 | 0.5452 ± 0.0934 | 0.8823 ± 0.0003 | 0.8322 ± 0.0075 |
//! | 40 % | 0.9785 ± 0.0036 | 0.3033 ± 0.0578 | 0.7638 ± 0.0008 | 0.6060 ± 0.0138 |
//!
//! At each target, the default loses at most 0.09 times as much as the better one of these two. Without new statistics, they have
//! 0.9930 and 0.9850 at 80 %, and 0.4205 and 0.4022 at 50 %.
//!
//! The joint fit of both maps of a block (`method.compensation: joint`) brings the most. With `least_squares`, which fits only
//! the second map, and without curves, the ResNet for Fashion-MNIST has 0.9303 at 70 %, 0.9173 at 50 % and 0.9026 at 40 %, and
//! ResNet-20 0.9727, 0.9038 and 0.8375. The repair then costs 4 forward passes over its rows instead of 17. Twice as many Gauss-Newton steps change
//! less than 0.2 points.
//!
//! On text and vision transformers, `least_squares` is the default, because the joint fit was measured there with one
//! calibration set only. On SST-2 it has 0.8911, 0.8899 and 0.8670 at 40, 30 and 20 %, and `least_squares` 0.8888, 0.8761 and
//! 0.8647. On the vision transformer `coarse` both are equal.
//!
//! The scores are corrected by what removals cost after a repair (`method.importance: after_repair`, the default for convolutional
//! networks). On three calibration sets, the divergence of ResNet-20 is 0.0354 instead of 0.0418 with `optin` at 70 % and 0.158 instead
//! of 0.187 at 50 %, and that of the ResNet for Fashion-MNIST on 2,000 images 0.0054 instead of 0.0076 and 0.0162 instead of 0.0211
//! (the latter measured after each eighth of the channels instead of each quarter). Of the two parts of the correction, the order
//! of the channels brings more on ResNet-20 at 70 %, and their numbers in each layer on the other network. For ResNet-50, scoring with
//! 16 rows takes 5.3 instead of 1.2 TMACs, because the rest of the network runs once for each measured point.
//!
//! The channels between the residual blocks are no units. In an experiment with PyTorch on ResNet-20 (answer term, least squares of all
//! maps in turn), each of them costs more per operation than any channel inside the blocks, at 70 % and at 50 %. With 0.15 times
//! their scores, 8 of them are removed at 70 %, and the agreement falls from 0.978 to 0.972. At 50 %, it is 0.910 without them,
//! 0.919 with 3, 0.915 with 21 and 0.858 with 43 of them removed.
//!
//! Feature terms that compare vectors instead of pairs of positions (`--feature-term vectors`) change little: without curves,
//! ResNet-20 has 0.9828 instead of 0.9817 at 70 % and 0.9402 instead of 0.9413 at 50 % (three calibration sets, deviations of 0.001
//! and 0.003 to 0.009).
//!
//! What the other choices for convolutional networks bring at 50 % on ResNet-20 (one run, `least_squares`): the mean over the features instead of
//! their sum 0.862 -> 0.886, equal weights of all positions 0.886 -> 0.905, and all 2,000 images 0.905 -> 0.911. The weight of
//! the answer term (0.1 to 10) and 1,000 scoring rows change less than half a point, and three rounds are worse (0.849). On
//! the ResNet for Fashion-MNIST, a repair with 41 images instead of 1,024 has 0.882 instead of 0.921.
//!
//! The statistics of the batch norms need no new estimate after a repair, because the repair fits the maps through the old ones.
//! A new estimate makes the results worse (`benches/magnitude_taylor.py --results`, one run, `least_squares`):
//!
//! | | FLOPs kept | as written | with new statistics |
//! |---|---:|---:|---:|
//! | ResNet-20 | 70 % | 0.9730 | 0.5620 |
//! | ResNet-20 | 50 % | 0.9050 | 0.4285 |
//! | ResNet for Fashion-MNIST | 70 % | 0.9299 | 0.8971 |
//! | ResNet for Fashion-MNIST | 50 % | 0.9195 | 0.8806 |
//!
//! VGG-16 (random weights, 224 x 224 pixels), with 16 calibration images: scoring costs 37 forward passes over them, 5,212 MiB are
//! planned, and the peak is 4,639 MiB.
//!
//! ResNet-50 (random weights, 224 x 224 pixels): scoring of 32 rows costs 23 forward passes over these rows without curves, and of 16
//! rows 81 with curves. With curves and 16 calibration images, 2,590 MiB are planned, and the peak is 1,810 MiB. At 50 % of the FLOPs, it runs
//! 1.62 and 1.65 times as fast in PyTorch (1 and 8 images, one thread), and 1.71 and 1.64 times in `optin` (two threads).
//!
//! Convolutions, with ReLU, against PyTorch 2.15 (`benches/convolutions.py`): 1.10 times as long on one thread and 1.18 times
//! on two, over all measured shapes of ResNet-50 and ResNet-56. The shapes of ResNet-50 take 0.87 to 1.25 times as long, those
//! of ResNet-56 with 64, 32 and 16 channels 1.2 to 1.6, 1.5 and 2.3 to 2.6 times, and its stem 3.4 to 3.9 times: the matrix
//! product is slow for so few outputs.
//!
//! # Segmentation
//!
//! The mean of intersection over union, with masks that are enlarged as transformers does it, and the divergence of the class
//! distributions of the pixels. The first two columns are means ± standard deviations over three seeds, the others are of one seed.
//!
//! A small Mask2Former (4.0 M weights, Swin backbone of 4 stages, 24 queries), trained on the street scenes of CamVid (11 classes,
//! 192 x 144 pixels), with the 367 training images for calibration. On 101 other images the original model has 0.5457, with a
//! standard error of 0.0042:
//!
//! | FLOPs kept | default | formula of the paper, no repair | magnitude, with the same repair | magnitude, no repair |
//! |---|---:|---:|---:|---:|
//! | 80 % | 0.5456 ± 0.0000, 0.0000 | 0.5463 ± 0.0001, 0.0003 | 0.3274, 0.7301 | 0.1521, 3.3830 |
//! | 70 % | 0.5456 ± 0.0000, 0.0000 | 0.5492 ± 0.0003, 0.0025 | 0.3165, 0.8262 | 0.1333, 2.1528 |
//! | 60 % | 0.5457 ± 0.0001, 0.0000 | 0.5368 ± 0.0062, 0.0311 | 0.0240, 4.0671 | 0.0132, 2.0373 |
//! | 50 % | 0.5458 ± 0.0001, 0.0002 | 0.4727 ± 0.0226, 0.3218 | 0.0240, 4.0404 | 0.0016, 2.0302 |
//! | 40 % | 0.5443 ± 0.0013, 0.0023 | | | |
//! | 30 % | 0.5058 ± 0.0040, 0.0524 | | | |
//!
//! The model of `examples/scenes` (2.8 M weights, 64 x 64 pixels) on its 400 evaluation scenes, where the original model has 0.7308,
//! with a standard error of 0.0142:
//!
//! | FLOPs kept | default | formula of the paper, no repair | magnitude, with the same repair | magnitude, no repair |
//! |---|---:|---:|---:|---:|
//! | 80 % | 0.7284 ± 0.0003, 0.0000 | 0.7181 ± 0.0055, 0.0072 | 0.3403, 0.2826 | 0.0937, 0.7578 |
//! | 70 % | 0.7317 ± 0.0002, 0.0002 | 0.6484 ± 0.0026, 0.0414 | 0.2256, 0.3786 | 0.0894, 0.7567 |
//! | 60 % | 0.7235 ± 0.0013, 0.0021 | 0.5489 ± 0.0045, 0.0911 | 0.1080, 0.5611 | 0.0928, 0.7471 |
//! | 50 % | 0.7071 ± 0.0043, 0.0108 | 0.4703 ± 0.0020, 0.1893 | 0.0648, 0.8474 | 0.0648, 1.1936 |
//!
//! More calibration does not help this model: with 1,024 scenes it has 0.7032 at 50 % (seed 0), with 256 scenes 0.7085, and with
//! temperature 1 0.7089. The MACs of each part that the results keep at 50 % (seed 0):
//!
//! | | backbone | pixel decoder | decoder |
//! |---|---:|---:|---:|
//! | CamVid | 23 % of 352.8 M | 94 % of 187.4 M | 90 % of 17.9 M |
//! | scenes | 33 % of 33.1 M | 73 % of 20.3 M | 62 % of 4.8 M |
//!
//! So most of what is removed belongs to the backbones, whose last stages these models hardly need. With `--keep-whole encoder`, the
//! decoders lose all of it:
//!
//! | FLOPs kept | CamVid | scenes |
//! |---|---:|---:|
//! | 80 % | 0.4868 ± 0.0102, 0.0994 | 0.6292 ± 0.0053, 0.0487 |
//! | 70 % | 0.0240, 4.1140 | 0.4338 ± 0.0042, 0.1928 |
//!
//! The repair of a model with stages uses 512 positions of each map, so that 131,072 positions are those of 256 images. The
//! figures of this paragraph are of an earlier version that enlarged the sums of the masks, where the original model has 0.5434.
//! On one seed of CamVid at 30 %, least squares on all positions of 68 images has 0.4656, on those of 273 images 0.4860, the joint fit of both maps
//! 0.4910 and 0.5053, and the joint fit on 512 positions of 256 images 0.5036. Temperature 1 instead of 4 has 0.5050. Other
//! scores are not better, compared with 0.4656: 0.4546 with ten times the weight of the answer term, 0.4547 with the mean over
//! the features, 0.4528 with equal weights of all positions, 0.4433 with the answer term alone, 0.4236 with whole heads as units.
//!
//! Speed-up at 50 % of the FLOPs, where 2.0 is ideal. The range is that of runs with one and two threads:
//!
//! | | `optin`, batch 1 | `optin`, batch 8 | PyTorch 2.15, one thread, batch 1 | batch 4 |
//! |---|---:|---:|---:|---:|
//! | CamVid | 1.60 to 1.67 | 1.46 to 1.62 | 1.19 to 1.23 | 1.24 to 1.27 |
//! | scenes | 2.13 to 2.28 | 1.56 to 1.63 | 1.18 | 1.21 |
//!
//! In PyTorch, the matrix products of the CamVid model take only 30 % of the time. The rest is spent on operations that transformers
//! writes one by one, such as the sampling and the sums of deformable attention, and few of them become smaller.
//!
//! A Swin-T (random weights, 224 x 224 pixels) at 50 % of the FLOPs runs 1.82 times as fast in `optin`.
//!
//! # Variants of the method
//!
//! Divergence on SST-2 with 1,024 calibration rows and one random calibration set:
//!
//! | variant | 50 % | 30 % | 15 % |
//! |---|---:|---:|---:|
//! | default: dimensions, positions compared within each row, answer term with weight 1 | 0.026 | 0.093 | 0.242 |
//! | answer term with weight 0.1 (`--variants features`) | 0.029 | 0.110 | 0.204 |
//! | answer term with weight 3 | 0.024 | 0.096 | 0.255 |
//! | answer term with weight 10 | 0.024 | 0.107 | 0.276 |
//! | positions compared across all rows, answer term with weight 0.1, 32 to 64 probes (earlier version) | 0.025 | 0.089 | 0.246 |
//! | widths of heads in multiples of 8 (`--round-widths-to 8`) | 0.031 | 0.093 | 0.248 |
//! | widths of heads in multiples of 16 | 0.028 | 0.090 | 0.238 |
//! | heads | 0.025 | 0.107 | 0.265 |
//! | heads, positions compared across all rows (earlier version) | 0.027 | 0.176 | 0.255 |
//!
//! The comparison within each row is as good, and scoring costs about 9 instead of about 60 forward passes. On STS-B, multiples of
//! 16 are worse than the default of 4: the squared error is 0.016 instead of 0.012 at 50 %, and 0.197 instead of 0.158 at 15 %.
//!
//! The next tables were measured with whole heads, in an earlier version whose last layer computed all positions and that compared
//! positions across rows. At 40 % of the FLOPs with 1,024 calibration rows and three random calibration sets:
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
//! Times are multiples of one forward pass of the original model over the scoring rows (`optin bench speed`):
//!
//! | model | units | scoring | 8 probes and the answers alone |
//! |---|---:|---:|---:|
//! | MiniLM-L6, SST-2, 128 rows | 13,824 | 8.8 | 5.3 |
//! | a model with the size of BERT-base, 32 rows of 52 tokens | 55,296 | 9.1 | 5.4 |
//! | a model with the size of DeiT-S, 1,000 classes, 64 images of 224 x 224 pixels | 27,648 | 21.1 | 17.4 |
//!
//! With 1,000 classes, the answers of each row are scored along 8 random directions instead of one per class. In MACs, scoring DeiT-S
//! costs 20 forward passes, and the repair with as many rows 13.
//!
//! A backward pass takes less time than a forward pass, because several probes run together. In MACs, scoring costs 12 forward
//! passes. Exact scoring would take 3,400 and 20,000 forward passes. Attention heads as units are scored exactly, which costs
//! up to one forward pass each.
//!
//! # Quality of the sketched scores
//!
//! `optin audit` compares sketched scores with exact scores on a sample of units. Results at 50 % of the FLOPs with 1,024
//! calibration rows (60 % for the bundled model); the limits are in the heading:
//!
//! | model | Spearman's correlation (at least 0.98) | overlap of the selections (at least 0.95) | median of estimated / exact (1 ± 0.05) | importance lost (at most 1 %) |
//! |---|---:|---:|---:|---:|
//! | SST-2 | 0.996 | 0.978 | 0.999 | 0.01 % |
//! | MRPC | 0.999 | 1.000 | 1.004 | 0.00 % |
//! | STS-B | 0.998 | 0.979 | 1.003 | 0.00 % |
//! | bundled model | 1.000 | 0.990 | 1.001 | 0.00 % |
//!
//! # Numerical agreement
//!
//! - The logits of the original model agree with PyTorch to 6e-7.
//! - The features of a BERT with random weights agree with `candle-transformers` to 9e-7, relative to the largest feature.
//! - The pruned files and the same weights with masks instead of removed units agree to 3e-6, relative to the largest logit. A job
//!   fails if they differ by more than 1e-4.
//! - transformers 4.57.6 and 5.24.0 reproduce the logits in `verify.json` to 1e-5, and the logarithms of the scores of a
//!   segmentation to 2e-5.
