"""Every public name of toposcope, once: type checkers read this list, and so does __init__.py."""

from toposcope import diagrams as diagrams
from toposcope import dimension as dimension
from toposcope import errors as errors
from toposcope import findings as findings
from toposcope import homology as homology
from toposcope import pointclouds as pointclouds
from toposcope import similarity as similarity
from toposcope import stats as stats
from toposcope import store as store
from toposcope import studies as studies
from toposcope import transfer as transfer
from toposcope.activations.capture import capture as capture
from toposcope.activations.checkpoint_series import capture_series as capture_series
from toposcope.analysis.filtrations import Cubical as Cubical
from toposcope.analysis.filtrations import Geodesic as Geodesic
from toposcope.analysis.filtrations import Local as Local
from toposcope.analysis.filtrations import Rips as Rips
from toposcope.analysis.population import Population as Population
from toposcope.analysis.population_folder import population as population
from toposcope.analysis.preregister import preregister as preregister
from toposcope.analysis.result import Analysis as Analysis
from toposcope.analysis.run import analyze as analyze
from toposcope.analysis.run import load_analysis as load_analysis
from toposcope.analysis.trajectory import analyze_series as analyze_series
from toposcope.analysis.zoo import Zoo as Zoo
from toposcope.analysis.zoo import zoo as zoo
from toposcope.comparison.groups import GroupComparison as GroupComparison
from toposcope.comparison.population import compare as compare
from toposcope.comparison.preregister import preregister_comparison as preregister_comparison
from toposcope.comparison.result import Comparison as Comparison
from toposcope.diagrams import distances as distances
from toposcope.diagrams import estimators as estimators
from toposcope.diagrams import interchange as interchange
from toposcope.diagrams import landscapes as landscapes
from toposcope.diagrams import summaries as summaries
from toposcope.diagrams import vectorize as vectorize
from toposcope.diagrams.of_clouds import rips as rips
from toposcope.diagrams.summaries import summarize as summarize
from toposcope.dimension import calibration as calibration
from toposcope.pointclouds import datasets as datasets
from toposcope.pointclouds import nulls as nulls
from toposcope.pointclouds.cloudset import CloudSet as CloudSet
from toposcope.pointclouds.cloudset import clouds as clouds
from toposcope.reporting import plots as plots
from toposcope.reporting.entry import report as report
from toposcope.store.arrays import from_arrays as from_arrays
from toposcope.store.runs import open_run as open_run
from toposcope.store.series import open_series as open_series
from toposcope.training.monitor import Monitor as Monitor
from toposcope.transfer.ranking.run import rank as rank
from toposcope.types import ActivationSet as ActivationSet
from toposcope.types import DiagramSet as DiagramSet
from toposcope.words.describe import describe as describe

open = open_run
__version__: str
