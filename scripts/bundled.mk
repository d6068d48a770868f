# All that is made from the weights of the bundled model, made again: its reward model, its policy head, its adapter for
# few steps, and the figures of its card. From the root of the repository, inside the environment:
#
#   make -f scripts/bundled.mk -j2            two processes of one thread each; what is in $(OUT) is not made again
#   make -f scripts/bundled.mk install        the weights into assets/models, scores.json to the card
#
# The figures for the cards stand in $(OUT)/*.txt. Public test sets need LLADA_VIZ_DATA.

OUT ?= runs/parts
N ?= 500
MODELS := assets/models
MODEL := $(MODELS)/tiny-llada
TRAIN := python -m training
EVALUATE := python -m evaluation

export OMP_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false
export MALLOC_MMAP_MAX_ := 0
export MALLOC_TRIM_THRESHOLD_ := -1

# A training that was stopped goes on from its last checkpoint.
again = $(if $(wildcard $(1)/config.yaml),--resume)

SEEDS := 11 12 13 14 15 16
ANSWERS := $(SEEDS:%=$(OUT)/prm/a%.jsonl) $(SEEDS:%=$(OUT)/prm/s%.jsonl)
MANY := $(OUT)/prm/m31.jsonl $(OUT)/prm/m32.jsonl $(OUT)/prm/m33.jsonl $(OUT)/prm/m34.jsonl
AGAIN := $(OUT)/prm/u11.jsonl $(OUT)/prm/g11.jsonl
SPOILED := $(OUT)/prm/c1.jsonl $(OUT)/prm/c2.jsonl
SLIPS := $(OUT)/prm/r1.jsonl $(OUT)/prm/r2.jsonl
WHOLE := $(OUT)/prm/c51.jsonl $(OUT)/prm/s52.jsonl $(OUT)/prm/w53.jsonl $(OUT)/prm/m54.jsonl $(OUT)/prm/r55.jsonl
PLANS := $(OUT)/prm/m61.jsonl $(OUT)/prm/r62.jsonl
HELD_OUT := $(OUT)/prm/h1.jsonl $(OUT)/prm/h2.jsonl
WARM := --temperatures 0,0.6,1
TASKS := --data word,expression,linear,countdown
GRIDS := --data sudoku --steps 8,16,24 --block-lengths 12,48 --cuts lines,4,8,12
# Sets of the card: ", " is written "--", and a space "_".
SETS := sudoku sudoku--middle linear linear--middle expression expression--middle word word--middle \
	word--held-out_templates countdown--easy countdown
FEW := base-linear base-expression dpo-linear dpo-expression

.PHONY: all install
.DELETE_ON_ERROR:
all: $(OUT)/reward.txt $(OUT)/ups.txt $(OUT)/few-steps.txt $(OUT)/card.txt $(OUT)/english.txt

# Answers of the model with every step checked, and the reward model that learns from them.
ROWS = rm -f $@ && $(TRAIN) rollouts --threads 1 --model $(MODEL) --out $@
ROLLOUTS = $(ROWS) --level both $(WARM)

$(OUT)/prm/a%.jsonl:
	$(ROLLOUTS) --seed $* $(TASKS) --n 450
$(OUT)/prm/s%.jsonl:
	$(ROLLOUTS) --seed $* $(GRIDS) --n 800
# For its later stages: several answers to each problem, solutions with errors, and results alone.
MIDDLE = $(ROWS) --level middle
ANSWERED := --n 1200 --repeats 6 --steps 16,32 --temperatures 0,0.6,1 --cuts lines,8
$(OUT)/prm/m31.jsonl $(OUT)/prm/m32.jsonl: $(OUT)/prm/m%.jsonl:
	$(MIDDLE) --seed $* --data countdown,linear,expression $(ANSWERED)
$(OUT)/prm/m33.jsonl $(OUT)/prm/m34.jsonl: $(OUT)/prm/m%.jsonl:
	$(MIDDLE) --seed $* --data countdown,linear $(ANSWERED)
$(OUT)/prm/u11.jsonl:
	$(ROLLOUTS) --seed 11 $(TASKS) --n 225
$(OUT)/prm/g11.jsonl:
	$(ROLLOUTS) --seed 11 $(GRIDS) --n 400
$(OUT)/prm/c1.jsonl:
	$(MIDDLE) --seed 41 --data linear --n 0 --corrupted 6000 --cuts lines,8
$(OUT)/prm/c2.jsonl:
	$(MIDDLE) --seed 41 --data countdown,expression --n 0 --corrupted 1500 --cuts lines,8
$(OUT)/prm/r1.jsonl:
	$(MIDDLE) --seed 42 --data linear --n 0 --slips 30000 --cuts lines
$(OUT)/prm/r2.jsonl:
	$(MIDDLE) --seed 42 --data countdown,expression --n 0 --slips 7000 --cuts lines
$(OUT)/prm/c51.jsonl:
	$(MIDDLE) --seed 51 --data sudoku --n 0 --corrupted 9000 --cuts lines,24
$(OUT)/prm/s52.jsonl:
	$(MIDDLE) --seed 52 --data sudoku --n 1536 --repeats 4 --steps 24,96 $(WARM) --block-lengths 24,32 --cuts lines,12,24
$(OUT)/prm/w53.jsonl:
	$(MIDDLE) --seed 53 --data word --n 3600 --repeats 4 --steps 16,64 $(WARM) --cuts lines,8
$(OUT)/prm/m54.jsonl:
	$(MIDDLE) --seed 54 --data countdown,linear,expression --n 1800 --repeats 6 --steps 16,32 $(WARM) --cuts lines,8
$(OUT)/prm/r55.jsonl:
	$(MIDDLE) --seed 55 --data linear,countdown,expression,word --n 0 --slips 4000 --cuts lines
$(OUT)/prm/m61.jsonl:
	$(MIDDLE) --seed 61 --data countdown --n 12000 --repeats 6 --steps 16,32 $(WARM) --cuts lines,8
$(OUT)/prm/r62.jsonl:
	$(MIDDLE) --seed 62 --data countdown --n 0 --slips 6000 --cuts lines
$(OUT)/prm/h1.jsonl:
	$(ROLLOUTS) --seed 5 --split heldout $(TASKS) --n 108
$(OUT)/prm/h2.jsonl:
	$(ROLLOUTS) --seed 5 --split heldout $(GRIDS) --n 54
$(OUT)/prm/heldout.jsonl: $(HELD_OUT)
	cat $^ > $@
$(OUT)/prm/tiny/final/model.safetensors: $(ANSWERS) $(OUT)/prm/heldout.jsonl
	$(TRAIN) prm --config prm-tiny $(ANSWERS:%=--data %) --set held_out=$(OUT)/prm/heldout.jsonl --out $(OUT)/prm/tiny $(call again,$(OUT)/prm/tiny)
$(OUT)/prm/choosing/final/model.safetensors: $(OUT)/prm/tiny/final/model.safetensors $(MANY) $(AGAIN) $(SPOILED)
	$(TRAIN) prm --config prm-choosing-tiny --model $(OUT)/prm/tiny/final $(addprefix --data ,$(MANY) $(AGAIN) $(SPOILED)) \
		--set held_out=$(OUT)/prm/heldout.jsonl --out $(OUT)/prm/choosing $(call again,$(OUT)/prm/choosing)
$(OUT)/prm/slips/final/model.safetensors: $(OUT)/prm/choosing/final/model.safetensors $(SLIPS)
	$(TRAIN) prm --config prm-slips-tiny --model $(OUT)/prm/choosing/final $(addprefix --data ,$(SLIPS) $(MANY) $(AGAIN)) \
		--set held_out=$(OUT)/prm/heldout.jsonl --out $(OUT)/prm/slips $(call again,$(OUT)/prm/slips)
$(OUT)/prm/whole/final/model.safetensors: $(OUT)/prm/slips/final/model.safetensors $(WHOLE)
	$(TRAIN) prm --config prm-whole-tiny --model $(OUT)/prm/slips/final $(addprefix --data ,$(WHOLE) $(AGAIN)) \
		--set held_out=$(OUT)/prm/heldout.jsonl --out $(OUT)/prm/whole $(call again,$(OUT)/prm/whole)
$(OUT)/prm/plans/final/model.safetensors: $(OUT)/prm/whole/final/model.safetensors $(PLANS)
	$(TRAIN) prm --config prm-plans-tiny --model $(OUT)/prm/whole/final $(addprefix --data ,$(PLANS) $(WHOLE) $(AGAIN)) \
		--set held_out=$(OUT)/prm/heldout.jsonl --out $(OUT)/prm/plans $(call again,$(OUT)/prm/plans)
$(OUT)/prm/mean/model.safetensors: $(OUT)/prm/plans/final/model.safetensors
	rm -rf $(@D)
	$(TRAIN) average $(OUT)/prm/whole/final $(OUT)/prm/plans/final --out $(@D)
$(OUT)/reward.txt: $(OUT)/prm/mean/model.safetensors
	python -m benchmarks.reward $(OUT)/prm/heldout.jsonl --prm $(OUT)/prm/mean > $@

# RemeDi's policy head.
$(OUT)/ups/final/ups_head.safetensors:
	$(TRAIN) remask-sft --config remask-sft-tiny --out $(OUT)/ups $(call again,$(OUT)/ups)
$(OUT)/ups.txt: $(OUT)/ups/final/ups_head.safetensors
	python -m benchmarks.ups --ups-head $< > $@

# The adapter for few steps, and what it changes.
$(OUT)/dpo/final/adapter_model.safetensors:
	$(TRAIN) dpo --config dpo-tiny --out $(OUT)/dpo $(call again,$(OUT)/dpo)
$(FEW:%=$(OUT)/few/%.txt): $(OUT)/few/%.txt: $(OUT)/dpo/final/adapter_model.safetensors
	mkdir -p $(@D)
	$(EVALUATE) run --data $(lastword $(subst -, ,$*)) --lines benchmarks/few_steps.json --limit 2000 --dtype bfloat16 \
		$(if $(filter dpo-%,$*),--adapter $(OUT)/dpo/final) --out $(OUT)/few/$* > $@
$(OUT)/few-steps.txt: $(FEW:%=$(OUT)/few/%.txt)
	python -m benchmarks.paired $(OUT)/few/base-linear $(OUT)/few/base-expression \
		--after $(OUT)/few/dpo-linear $(OUT)/few/dpo-expression > $@

# How often the model is right. Each set first by itself, side by side; the last command only reads their rows.
$(SETS:%=$(OUT)/card/%.txt): $(OUT)/card/%.txt:
	mkdir -p $(@D)
	$(EVALUATE) bundled --n $(N) --threads 1 --out $(OUT)/card --set "$$(echo '$*' | sed 's/--/, /; s/_/ /g')" > $@
$(OUT)/card.txt: $(SETS:%=$(OUT)/card/%.txt)
	$(EVALUATE) bundled --n $(N) --threads 1 --out $(OUT)/card > $@
$(OUT)/english.txt:
	mkdir -p $(@D)
	$(EVALUATE) english > $@

install: all
	cp $(OUT)/prm/mean/*.json $(OUT)/prm/mean/*.jinja $(OUT)/prm/mean/model.safetensors $(MODELS)/tiny-prm/
	cp $(OUT)/ups/final/ups_head.safetensors $(MODELS)/tiny-llada-ups/
	cp $(OUT)/dpo/final/adapter_config.json $(OUT)/dpo/final/adapter_model.safetensors $(MODELS)/tiny-llada-few-steps/
	cp $(OUT)/card/scores.json $(MODEL)/
